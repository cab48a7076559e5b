"""A key in the environment of a process is for no other one to read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.local.postgres_data import environment

CRASHES = "import os; from worker.main import refuse_core_dumps; refuse_core_dumps(); os.abort()"


def test_the_servers_of_this_machine_do_not_get_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may run as `nobody`, as others do."""
    secrets = ("SOLANA_KEYPAIR", "solana_keypair", "ENGINE_SECRET", "ENGINE_API_KEY", "JUPITER_API_KEY", "DATABASE_URL")
    for name in secrets:
        monkeypatch.setenv(name, "secret")
    assert "secret" not in environment().values()
    assert environment()["PATH"] == os.environ["PATH"]


@pytest.mark.skipif(sys.platform != "linux", reason="where a core goes is told by /proc")
def test_a_process_with_a_key_leaves_no_core(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        f"import resource as r; r.setrlimit(r.RLIMIT_CORE, (r.getrlimit(r.RLIMIT_CORE)[1],) * 2); {CRASHES}",
    ]
    root = Path(__file__).parents[2]
    crashed = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(root)}, check=False)
    assert crashed.returncode == -6
    assert list(tmp_path.iterdir()) == []
