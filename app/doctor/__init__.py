"""`engine doctor`: looks at what the engine needs, and says what is wrong and what to do. It changes nothing."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.local.binaries import installed
from app.local.state import Running
from app.settings import Settings

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    check: str  # what was looked at
    level: Level
    found: str
    todo: str = ""


def _free(path: Path) -> int:
    return shutil.disk_usage(path).free


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is looked at. Tests answer the questions of the last three fields themselves."""

    settings: Settings
    running: Running | None = None  # the `engine up` of this ENGINE_HOME
    free: Callable[[Path], int] = _free  # bytes
    installed: Callable[[str], bool] = installed
    now: Callable[[], float] = time.time

    @property
    def postgres(self) -> str | None:
        return self.settings.postgres_dsn or (self.running.postgres if self.running else None)

    @property
    def redis(self) -> str | None:
        return self.settings.redis_dsn or (self.running.redis if self.running else None)

    @property
    def embeds(self) -> bool:
        """Whether `engine up` starts a server of its own here."""
        return not (self.settings.postgres_dsn and self.settings.redis_dsn)
