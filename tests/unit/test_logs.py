"""Ordinary lines are collected into one write; a warning, or a line outside an event loop, is written at once."""

import asyncio
import io
import logging
from collections.abc import Iterator

import pytest

from app.logs import FLUSH_AFTER, BufferedHandler


class Written(io.StringIO):
    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


@pytest.fixture
def out() -> Written:
    return Written()


@pytest.fixture
def log(out: Written) -> Iterator[logging.Logger]:
    logger = logging.getLogger("test.lines")
    handler = BufferedHandler(out)
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
    handler = BufferedHandler(Full())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    logger.warning("at once")
    logger.info("later")
    await asyncio.sleep(FLUSH_AFTER * 2)
    logger.removeHandler(handler)
    assert errors == []
