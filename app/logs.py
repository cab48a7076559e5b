"""Log lines for people (console) or for machines (JSON).

Every value is escaped, so nothing that a client sends can forge a line.
"""

import asyncio
import contextlib
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from app.settings import Settings

FLUSH_AFTER = 0.02  # seconds

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


class BufferedHandler(logging.StreamHandler[TextIO]):
    """Collects lines for FLUSH_AFTER seconds and writes them at once. A warning is written immediately, after them.

    One write costs as much as formatting ten lines.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._buffer: list[str] = []
        self._flushing_loop: asyncio.AbstractEventLoop | None = None  # has a flush scheduled

    def emit(self, record: logging.LogRecord) -> None:
        """Like every handler: a line that cannot be written raises nothing in the code that logged it."""
        try:
            self._buffer.append(self.format(record) + self.terminator)
            if record.levelno >= logging.WARNING or not self._flush_is_scheduled():
                self.flush()
        except Exception:
            self.handleError(record)

    def _flush_is_scheduled(self) -> bool:
        """Schedules a flush if there is none. False without a running event loop."""
        if self._flushing_loop is None or self._flushing_loop.is_closed():
            try:
                self._flushing_loop = asyncio.get_running_loop()
            except RuntimeError:
                return False
            self._flushing_loop.call_later(FLUSH_AFTER, self._timed_flush)
        return True

    def _timed_flush(self) -> None:
        self._flushing_loop = None
        with contextlib.suppress(OSError, ValueError):  # a full disk, a closed pipe
            self.flush()

    def flush(self) -> None:
        self.acquire()
        try:
            lines, self._buffer = "".join(self._buffer), []
            if lines:
                self.stream.write(lines)
            super().flush()
        finally:
            self.release()


def configure(settings: Settings) -> None:
    """All loggers write to stdout."""
    # Otherwise computed for each record and never shown (see "Optimization" in Python's logging HOWTO).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and settings.engine_mode == "production")
    handler = BufferedHandler(sys.stdout)
    handler.setFormatter(JsonLines() if as_json else ConsoleLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("engine").setLevel(settings.log_level)
