"""The commands that keep the database: backup, restore, prune."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from app.settings import load


def backup(
    file: Annotated[
        Path | None, typer.Argument(help="A new file; default: one in this directory, named by the time.")
    ] = None,
) -> None:
    """Write everything of the engine into one file. The engine goes on meanwhile."""
    from app.local.offline import servers
    from app.maintenance import backup

    with servers(load()) as dsn:
        backup.backup(dsn, file := file or backup.default_name())
    typer.echo(f"{file}: {file.stat().st_size:,} bytes. It holds every order and the hashes of all keys: keep it safe.")


def restore(file: Annotated[Path, typer.Argument(help="A file that `engine backup` has written.")]) -> None:
    """Replace everything of the engine by a backup, and halt trading. Every process has to be stopped first."""
    from app.local.offline import servers
    from app.maintenance import restore

    with servers(load()) as dsn:
        restored = asyncio.run(restore.restore(dsn, file))
    typer.echo(f"The backup of {restored.made} is restored.")
    if restored.aside:
        typer.echo(f"The tables of before are in the schema {restored.aside}: drop it when you need them no more.")
    typer.echo(
        "Start the engine: it asks the chain which orders were filled since. Trading is halted until you release"
    )
    typer.echo("the kill switch. Look first: orders that were cancelled since the backup wait again.")


COMMANDS: dict[str, Callable[..., None]] = {"backup": backup, "restore": restore}
