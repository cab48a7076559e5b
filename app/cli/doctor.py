"""`engine doctor`."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from app.cli.options import Json, Url
from app.settings import SettingsError, load, where_set

if TYPE_CHECKING:
    from app.doctor import Finding


def doctor(url: Url = None, as_json: Json = False) -> None:
    """Look at ports, versions, migrations, clocks, Redis and the disk, and say what to do. Exit code 1 at a fault.

    With --url: whether the engine there is well, and takes the key.
    """
    from app.doctor import engines

    logging.disable(logging.CRITICAL)
    findings = asyncio.run(engines.at(url)) if url else _here()
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        for one in findings:
            typer.echo(f"{one.level:7}  {one.check:10}  {one.found}" + (f"\n{'':21}{one.todo}." if one.todo else ""))
    if any(one.level == "fault" for one in findings):
        raise typer.Exit(1)


def _here() -> "list[Finding]":
    from app.client import address
    from app.doctor import Finding, Place, examination

    try:
        settings = load()
    except SettingsError as error:
        todo = f"correct it {where_set()}. Nothing else was looked at"
        return [Finding("settings", "fault", found, todo) for found in str(error).splitlines()]
    place = Place(settings=settings, running=address.running(settings))
    return asyncio.run(examination.examine(place))


COMMANDS: dict[str, Callable[..., None]] = {"doctor": doctor}
