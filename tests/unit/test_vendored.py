"""The files that others wrote are those that they published."""

import hashlib
import re
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[2] / "app" / "web" / "vendor"
HASHES = re.findall(r"^\| `([0-9a-f]{64})` \| `(.+)` \|$", (VENDOR / "README.md").read_text(), re.MULTILINE)


def test_recorded_files_are_unchanged_and_have_their_licence() -> None:
    assert {file for _, file in HASHES} == {f"uplot/{path.name}" for path in (VENDOR / "uplot").glob("uPlot.*")}
    for digest, file in HASHES:
        assert hashlib.sha256((VENDOR / file).read_bytes()).hexdigest() == digest, file
    assert "Permission is hereby granted" in (VENDOR / "uplot" / "LICENSE").read_text()
