"""One line for each thing that happened, for people (console) or for machines (JSON); never raw input.

Every value is escaped: nothing that a client sends can forge a line.
"""

import asyncio
import contextlib
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from app.settings import Settings

COMPANY_SECONDS = 0.02

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode("utf-8", "replace")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _json(line)


class ConsoleLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        message = record.getMessage().encode("unicode_escape", "backslashreplace").decode()
        extras = " ".join(f"{name}={_shown(value)}" for name, value in _extras(record).items())
        line = f"{at} {record.levelname:<7} {message:<28} {extras}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _shown(value: Any) -> str:
    if isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value and '"' not in value:
        return value
    return ascii(value) if isinstance(value, str) else _json(value)


class Lines(logging.StreamHandler[TextIO]):
    """Lines of everyday business wait a moment for company and go out in one write; a warning takes them along at once.

    A write costs as much as making ten lines.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[str] = []
        self._called_by: asyncio.AbstractEventLoop | None = None  # which will flush before long

    def emit(self, record: logging.LogRecord) -> None:
        """As all handlers: what cannot be written must not be the trouble of whoever said it."""
        try:
            self._waiting.append(self.format(record) + self.terminator)
            if record.levelno >= logging.WARNING or not self._comes_back():
                self.flush()
        except Exception:
            self.handleError(record)

    def _comes_back(self) -> bool:
        """Whether somebody will flush before long."""
        if self._called_by is None or self._called_by.is_closed():
            try:
                self._called_by = asyncio.get_running_loop()
            except RuntimeError:
                return False
            self._called_by.call_later(COMPANY_SECONDS, self._time_is_up)
        return True

    def _time_is_up(self) -> None:
        self._called_by = None
        with contextlib.suppress(OSError, ValueError):  # a full disk, a reader that has gone
            self.flush()

    def flush(self) -> None:
        self.acquire()
        try:
            lines, self._waiting = "".join(self._waiting), []
            if lines:
                self.stream.write(lines)
            super().flush()
        finally:
            self.release()


def configure(settings: Settings) -> None:
    """Everything goes to stdout, as one stream of lines."""
    # Found out anew for each record otherwise, and never shown (see "Optimization" in Python's logging HOWTO).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and settings.engine_mode == "production")
    handler = Lines(sys.stdout)
    handler.setFormatter(JsonLines() if as_json else ConsoleLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("engine").setLevel(settings.log_level)
