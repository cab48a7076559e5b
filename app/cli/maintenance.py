"""The commands that keep the database: backup, restore, prune."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.options import Json
from app.cli.servers import database
from app.settings import SettingsError, load

if TYPE_CHECKING:
    from app.maintenance.prune import Pruned

MIN_DAYS = 7


def backup(
    file: Annotated[
        Path | None, typer.Argument(help="A new file; default: one in this directory, named by the time.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write everything of the engine into one file. The engine goes on meanwhile."""
    from app.local.offline import servers
    from app.maintenance import backup

    with servers(load()) as dsn:
        backup.backup(dsn, file := file or backup.default_name())
    size = file.stat().st_size
    if as_json:
        typer.echo(json.dumps({"file": str(file), "bytes": size}))
        return
    typer.echo(f"{file}: {size:,} bytes. It holds every order and the hashes of all keys: keep it safe.")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `engine backup` has written.")], as_json: Json = False
) -> None:
    """Replace everything of the engine by a backup, and halt trading. Every process has to be stopped first."""
    from app.local.offline import servers
    from app.maintenance import restore

    with servers(load()) as dsn:
        restored = asyncio.run(restore.restore(dsn, file))
    if as_json:
        typer.echo(json.dumps(asdict(restored), default=str))
        return
    typer.echo(f"The backup of {restored.made} is restored.")
    if restored.aside:
        typer.echo(f"The tables of before are in the schema {restored.aside}: drop it when you no longer need them.")
    typer.echo(
        "Start the engine: it asks the chain which orders were filled since. Trading is halted until you release"
    )
    typer.echo("the kill switch. Look first: orders that were cancelled since the backup wait again.")


def prune(
    older_than: Annotated[str, typer.Option(help="Of orders that ended so long ago: 90d is 90 days, at least 7d.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: Json = False,
) -> None:
    """Delete orders that ended long ago, with their events. The engine goes on meanwhile, and Ctrl-C may stop it."""
    from app.maintenance import prune

    days = re.fullmatch(r"(\d{1,5})d", older_than)
    if days is None or int(days[1]) < MIN_DAYS:
        raise SettingsError(f"--older-than: a number of days such as 90d, at least {MIN_DAYS}d.")
    pruned = prune.Pruned()
    try:
        with database() as dsn:
            asyncio.run(prune.prune(dsn, int(days[1]), pruned, dry_run=dry_run))
    finally:  # Ctrl-C too
        typer.echo(json.dumps(asdict(pruned)) if as_json else _words(pruned, dry_run))
    if pruned.dead_letters and not as_json:
        typer.echo(f"{pruned.dead_letters:,} failed orders stay until they are acknowledged (DELETE /api/dlq/clear).")


def _words(pruned: "Pruned", dry_run: bool) -> str:
    return (
        f"{'It would delete' if dry_run else 'Deleted'}: {pruned.orders:,} orders, {pruned.events:,} events, "
        f"{pruned.daily_volumes:,} daily volumes, {pruned.signed_swaps:,} signed swaps, "
        f"{pruned.webhook_deliveries:,} deliveries to webhooks."
    )


COMMANDS: dict[str, Callable[..., None]] = {"backup": backup, "restore": restore, "prune": prune}
