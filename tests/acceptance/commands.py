"""An engine that runs for the tests of a file, and the commands that talk to it."""

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests import postgres_template
from tests.acceptance.stack import Stack, in_process, running

HAPPY = ["pending", "routing", "building", "submitted", "confirmed"]
SELL_SOL = ("--token-in", "SOL", "--token-out", "USDC", "--amount", "1.5")
FAST = {
    "MOCK_QUOTE_MS": "0",
    "MOCK_EXECUTION_MS_MIN": "300",
    "MOCK_EXECUTION_MS_MAX": "300",
    "RETRY_BASE_SECONDS": "0.05",
    "MIN_SLICE_SECONDS": "1",
}
EVENT = re.compile(r"^ +\d+\.\d{3} s  (\w+)", re.MULTILINE)


@contextlib.contextmanager
def quick_stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="engine client ") as directory:
        Path(directory).chmod(0o711)
        postgres_template.copy_to(home := Path(directory) / "home")
        with running(home, **FAST) as started:
            yield started


def client(stack: Stack, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return in_process(stack.home, *arguments, **settings)


def error_of(failed: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """The error of a command that failed: one line on stderr."""
    assert failed.returncode == code, failed
    assert failed.stdout == ""
    assert failed.stderr.count("\n") == 1, failed.stderr
    return failed.stderr
