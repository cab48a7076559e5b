"""`engine doctor`."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import asdict

import typer

from app.cli.options import Json, Url
from app.settings import load


def doctor(url: Url = None, as_json: Json = False) -> None:
    """Look at ports, versions, migrations, clocks, Redis and the disk, and say what to do. Exit code 1 at a fault.

    With --url: whether the engine there is well, and takes the key.
    """
    from app.client import address
    from app.doctor import Place, engines, examination

    logging.disable(logging.CRITICAL)
    if url:
        findings = asyncio.run(engines.at(url))
    else:
        settings = load()
        place = Place(settings=settings, running=address.running(settings))
        findings = asyncio.run(examination.examine(place))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        for one in findings:
            typer.echo(f"{one.level:7}  {one.check:10}  {one.found}" + (f"\n{'':21}{one.todo}." if one.todo else ""))
    if any(one.level == "fault" for one in findings):
        raise typer.Exit(1)


COMMANDS: dict[str, Callable[..., None]] = {"doctor": doctor}
