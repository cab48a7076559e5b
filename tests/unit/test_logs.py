"""Lines of everyday business wait for company; nothing is kept back that somebody may need now."""

import asyncio
import io
import logging
from collections.abc import Iterator

import pytest

from app.logs import COMPANY_SECONDS, Lines


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
    handler = Lines(out)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)


async def test_lines_of_one_moment_are_one_write(log: logging.Logger, out: Written) -> None:
    for n in range(10):
        log.info("line %d", n)
    assert out.getvalue() == ""
    await asyncio.sleep(COMPANY_SECONDS * 2)
    assert (out.getvalue().count("\n"), out.writes) == (10, 1)


async def test_a_warning_goes_at_once_after_what_was_said_before_it(log: logging.Logger, out: Written) -> None:
    log.info("before")
    log.warning("now")
    assert out.getvalue() == "before\nnow\n"


def test_without_a_loop_nothing_waits(log: logging.Logger, out: Written) -> None:
    log.info("starting")
    assert out.getvalue() == "starting\n"


def test_a_loop_that_has_ended_keeps_nothing_back(log: logging.Logger, out: Written) -> None:
    async def say() -> None:
        log.info("within")

    asyncio.run(say())
    log.info("after it")
    assert out.getvalue() == "within\nafter it\n"


class Full(Written):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


async def test_a_line_that_cannot_be_written_is_not_the_trouble_of_whoever_said_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)  # what it would print about that
    logger = logging.getLogger("test.full")
    logger.propagate = False
    handler = Lines(Full())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    logger.warning("at once")
    logger.info("later")
    await asyncio.sleep(COMPANY_SECONDS * 2)
    logger.removeHandler(handler)
    assert complaints == []
