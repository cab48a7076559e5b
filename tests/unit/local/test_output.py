"""`engine up` prints without waiting for a reader."""

import os

import pytest

from app.local import output
from app.local.output import Output


def test_nobody_waits_for_a_terminal_that_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MAX_UNREAD", 3)
    reads, writes = os.pipe()
    printed = Output(writes)
    for number in range(10):
        printed.write(f"{number} " + "x" * 100_000)  # more than a pipe holds
    printed.flush(within=0.01)
    read = b""
    while not read.endswith(b"nobody read them\n"):
        read += os.read(reads, 65_536)
    *printed_ones, left_out = read.decode().splitlines()
    assert [line[:2] for line in printed_ones[:3]] == ["0 ", "1 ", "2 "]
    assert left_out == f"engine  | {10 - len(printed_ones)} lines were left out here: nobody read them"
    printed.flush()
    os.close(reads)
    os.close(writes)


def test_a_closed_terminal_ends_nothing() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    printed = Output(writes)
    for _ in range(2):
        printed.write("said to nobody")
        printed.flush(within=10)
        assert not printed._texts.unfinished_tasks
    os.close(writes)
