"""Log lines for people (console) or for machines (JSON).

Every value is escaped, so nothing that a client sends can forge a line.
"""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

import orjson

from app.settings import Settings

FLUSH_AFTER = 0.02  # seconds

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode("utf-8", "replace")


class Lines(logging.Formatter):
    def line(self, at: float, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> str:
        raise NotImplementedError

    def format(self, record: logging.LogRecord) -> str:
        fields = _extras(record)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return self.line(record.created, record.levelname, record.name, record.getMessage(), fields)


class JsonLines(Lines):
    def line(self, at: float, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> str:
        second, part = divmod(int(at * 1000), 1000)
        time_of_day = f"{_utc(second)}.{part:03d}+00:00"
        return _json({"at": time_of_day, "level": level.lower(), "logger": logger, "message": message, **fields})


class WithTrace(Lines):
    """Adds the id of the trace that a line belongs to. Used only if tracing is on."""

    def __init__(self, lines: Lines) -> None:
        from opentelemetry.trace import get_current_span

        super().__init__()
        self._lines, self._span = lines, get_current_span

    def line(self, at: float, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> str:
        here = self._span().get_span_context()
        if here.is_valid:
            fields = {**fields, "trace": f"{here.trace_id:032x}"}
        return self._lines.line(at, level, logger, message, fields)


@lru_cache(maxsize=2)
def _utc(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class ConsoleLines(Lines):
    def line(self, at: float, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> str:
        time_of_day = datetime.fromtimestamp(at).strftime("%H:%M:%S.%f")[:-3]
        text = message.encode("unicode_escape", "backslashreplace").decode()
        shown = " ".join(f"{name}={_shown(value)}" for name, value in fields.items() if name != "exception")
        line = f"{time_of_day} {level:<7} {text:<28} {shown}".rstrip()
        return f"{line}\n{fields['exception']}" if "exception" in fields else line


def _shown(value: Any) -> str:
    if isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value and '"' not in value:
        return value
    return ascii(value) if isinstance(value, str) else _json(value)


class BufferedHandler(logging.StreamHandler[TextIO]):
    """Collects lines for FLUSH_AFTER seconds and writes them at once. A warning is written immediately, after them.

    One write costs as much as formatting ten lines.
    """

    def __init__(self, stream: TextIO, lines: Lines) -> None:
        super().__init__(stream)
        self.setFormatter(lines)
        self._lines = lines
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

    def info(self, log: logging.Logger, message: str, fields: Mapping[str, Any]) -> None:
        """What `emit` does for a record with this level."""
        try:
            line = self._lines.line(time.time(), "INFO", log.name, message, fields)
            self.acquire()
            self._buffer.append(line + self.terminator)
            self.release()
            if not self._flush_is_scheduled():
                self.flush()
        except Exception:
            self.handleError(logging.makeLogRecord({"name": log.name, "msg": message}))

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


def info(log: logging.Logger, message: str, /, **fields: Any) -> None:
    """`log.info(message, extra=fields)`, for lines that are written thousands of times a second.

    A LogRecord is most of the cost of a line. It is made only if there is another handler than that of `configure`.
    """
    if not log.isEnabledFor(logging.INFO):
        return
    handlers = logging.root.handlers
    if len(handlers) == 1 and isinstance(handlers[0], BufferedHandler):
        handlers[0].info(log, message, fields)
    else:
        log.info(message, extra=fields)


def configure(settings: Settings) -> None:
    """All loggers write to stdout."""
    # Otherwise computed for each record and never shown (see "Optimization" in Python's logging HOWTO).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and settings.engine_mode == "production")
    lines = JsonLines() if as_json else ConsoleLines()
    handler = BufferedHandler(sys.stdout, lines if settings.tracing_endpoint is None else WithTrace(lines))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("engine").setLevel(settings.log_level)
