"""What `engine up` needs of this machine: settings, packages, a directory, disk space."""

import os
from collections.abc import Iterator
from pathlib import Path

from app.doctor import Finding, Level, Place
from app.local.binaries import OTHERWISE, POSTGRES, VALKEY, how_to_install
from app.local.data_home import data_directory
from app.preflight import refuse_unsafe
from app.settings import SettingsError

GIB = 2**30
LITTLE, TOO_LITTLE = GIB, GIB // 5  # free bytes


async def settings(place: Place) -> list[Finding]:
    try:
        refuse_unsafe(place.settings, api=True)
    except SettingsError as error:
        return [Finding("settings", "fault", str(error), "correct it in the environment or in .env")]
    return [Finding("settings", "ok", f"{place.settings.engine_mode} mode")]


async def packages(place: Place) -> list[Finding]:
    if not place.embeds:
        return []
    if missing := [package for package in (POSTGRES, VALKEY) if not place.installed(package)]:
        found = f"{' and '.join(missing)} not installed: no embedded servers"
        return [Finding("packages", "fault", found, f"{how_to_install()}, {OTHERWISE}")]
    return [Finding("packages", "ok", "the embedded servers are installed")]


async def disk(place: Place) -> list[Finding]:
    home = place.settings.engine_home.absolute()
    return list(_disk(home, place)) if place.embeds else []


def _disk(home: Path, place: Place) -> Iterator[Finding]:
    nearest = _nearest(home)
    if not nearest.is_dir():
        yield Finding("disk", "fault", f"{nearest} is not a directory", "name another directory in ENGINE_HOME")
    elif not os.access(nearest, os.W_OK | os.X_OK):
        todo = "make it writable for this user, or name another directory in ENGINE_HOME"
        yield Finding("disk", "fault", f"{nearest} cannot be written", todo)
    else:
        data = _nearest(data_directory(home))
        free = place.free(data)
        level: Level = "fault" if free < TOO_LITTLE else "warning" if free < LITTLE else "ok"
        todo = "" if level == "ok" else "free some: Postgres stops when its disk is full"
        yield Finding("disk", level, f"{free / GIB:.1f} GiB free at {data}", todo)


def _nearest(path: Path) -> Path:
    """The path, or the nearest one above it that exists."""
    return next(one for one in (path, *path.parents) if os.path.lexists(one))
