"""Ordinary lines are collected into one write; a warning, or a line outside an event loop, is written at once."""

import asyncio
import io
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pytest

from app import logs
from app.logs import FLUSH_AFTER, BufferedHandler, Lines
from app.settings import load


class Written(io.StringIO):
    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


class Messages(Lines):
    """Lines with nothing but the message."""

    def line(self, at: float, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> str:
        return message


@pytest.fixture
def out() -> Written:
    return Written()


@pytest.fixture
def log(out: Written) -> Iterator[logging.Logger]:
    logger = logging.getLogger("test.lines")
    handler = BufferedHandler(out, Messages())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)


async def test_lines_logged_together_are_one_write(log: logging.Logger, out: Written) -> None:
    for n in range(10):
        log.info("line %d", n)
    assert out.getvalue() == ""
    await asyncio.sleep(FLUSH_AFTER * 2)
    assert (out.getvalue().count("\n"), out.writes) == (10, 1)


async def test_a_warning_is_written_at_once_and_after_the_lines_before_it(log: logging.Logger, out: Written) -> None:
    log.info("before")
    log.warning("now")
    assert out.getvalue() == "before\nnow\n"


def test_without_an_event_loop_a_line_is_written_at_once(log: logging.Logger, out: Written) -> None:
    log.info("starting")
    assert out.getvalue() == "starting\n"


def test_after_an_event_loop_has_ended_a_line_is_written_at_once(log: logging.Logger, out: Written) -> None:
    async def log_one() -> None:
        log.info("within")

    asyncio.run(log_one())
    log.info("after it")
    assert out.getvalue() == "within\nafter it\n"


class Full(Written):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


async def test_a_line_that_cannot_be_written_raises_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)  # it would print a traceback
    logger = logging.getLogger("test.full")
    logger.propagate = False
    handler = BufferedHandler(Full(), Messages())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    logger.warning("at once")
    logger.info("later")
    await asyncio.sleep(FLUSH_AFTER * 2)
    logger.removeHandler(handler)
    assert errors == []


@pytest.fixture
def logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root, engine = logging.getLogger(), logging.getLogger("engine")
    handlers, levels = root.handlers[:], (root.level, engine.level)
    for name in ("logThreads", "logProcesses", "logMultiprocessing", "_srcfile"):
        monkeypatch.setattr(logging, name, getattr(logging, name))
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.25)
    monkeypatch.setattr("time.time_ns", lambda: 1_800_000_000_250_000_000)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    engine.setLevel(levels[1])


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_line_without_a_record_reads_like_one_with(
    capsys: pytest.CaptureFixture[str], form: Literal["json", "console"]
) -> None:
    logs.configure(load(log_format=form))
    log = logging.getLogger("engine.test")
    fields = {"order": "a\nb", "ms": 1.5, "socket": None}
    log.info("socket\nopened", extra=fields)
    logs.info(log, "socket\nopened", **fields)
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert "1.5" in first


@pytest.mark.usefixtures("logging_as_it_was")
def test_a_line_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(load(log_level="WARNING"))
    logs.info(logging.getLogger("engine.test"), "socket opened")
    assert capsys.readouterr().out == ""


def test_every_further_handler_gets_the_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "engine.test")
    logs.info(logging.getLogger("engine.test"), "50 % done", order="a")
    (record,) = caplog.records
    assert (record.getMessage(), vars(record)["order"]) == ("50 % done", "a")
