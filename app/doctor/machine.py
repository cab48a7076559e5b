"""What `engine up` needs of this machine: settings, packages, a directory, disk space."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pydantic_settings import DotEnvSettingsSource

from app.client.fields import printable
from app.doctor import Finding, Level, Place
from app.doctor.names import unknown
from app.local.binaries import OTHERWISE, POSTGRES, VALKEY, how_to_install
from app.local.data_home import data_directory
from app.preflight import problems
from app.settings import ENV_FILE, Settings, where_set

GIB = 2**30
LITTLE, TOO_LITTLE = GIB, GIB // 5  # free bytes


async def settings(place: Place) -> list[Finding]:
    if unsafe := problems(place.settings, api=True, signs=False):
        return [Finding("settings", "fault", problem.rstrip("."), f"correct it {where_set()}") for problem in unsafe]
    return list(_names()) or [Finding("settings", "ok", f"{place.settings.engine_mode} mode")]


def _names() -> Iterator[Finding]:
    file = DotEnvSettingsSource(Settings, env_file=ENV_FILE).env_vars
    for name, meant in unknown(map(str.upper, file), os.environ):
        todo = f"did you mean {meant}? Correct it" if meant else "correct or remove it"
        yield Finding("settings", "warning", f"{printable(name)} is no setting", f"{todo} {where_set()}")


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
    elif not _writable(nearest):
        todo = "make it writable for this user, or name another directory in ENGINE_HOME"
        yield Finding("disk", "fault", f"{nearest} cannot be written", todo)
    else:
        data = _nearest(data_directory(home))
        free = place.free(data)
        level: Level = "fault" if free < TOO_LITTLE else "warning" if free < LITTLE else "ok"
        todo = "" if level == "ok" else "free some: Postgres stops when its disk is full"
        yield Finding("disk", level, f"{free / GIB:.1f} GiB free at {data}", todo)


def _writable(directory: Path) -> bool:
    """Whether a file can be made there: one without a name, gone at once. To root, permissions do not say it."""
    try:
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return True


def _nearest(path: Path) -> Path:
    """The path, or the nearest one above it that exists."""
    return next(one for one in (path, *path.parents) if os.path.lexists(one))
