"""`engine keys`."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from app.cli.options import Json
from app.cli.servers import database
from app.settings import SettingsError

UNITS = {"d": "days", "h": "hours", "m": "minutes"}

app = typer.Typer(no_args_is_help=True, help="Manage the API keys of production mode.")


@app.command("create")
def create_key(
    owner: Annotated[
        str, typer.Option(help="Owner of the orders placed with this key. Several keys may have the same owner.")
    ],
    operator: Annotated[
        bool,
        typer.Option("--operator", help="The key may also use the kill switch, the dead letters and the audit log."),
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="The key may change nothing; an operator's key sees what operators see.")
    ] = False,
    expires_in: Annotated[
        str | None, typer.Option(help="How long the key is valid: 90d, 12h or 30m. [it does not expire]")
    ] = None,
    max_order_usd: Annotated[
        int | None, typer.Option(min=0, max=10**12, help="Most dollars in one order; 0: no limit. [MAX_ORDER_USD]")
    ] = None,
    max_daily_usd: Annotated[
        int | None, typer.Option(min=0, max=10**12, help="The same for the owner's day (UTC). [MAX_DAILY_USD]")
    ] = None,
    max_orders_per_min: Annotated[
        int | None, typer.Option(min=0, max=10**6, help="Orders per minute; 0: no limit. [API_MAX_ORDERS_PER_MIN]")
    ] = None,
    max_reads_per_min: Annotated[
        int | None, typer.Option(min=0, max=10**6, help="Reads per minute; 0: no limit. [API_MAX_READS_PER_MIN]")
    ] = None,
) -> None:
    """Create a key and print it. It cannot be shown again."""
    from app.access import key_commands

    valid_for = None if expires_in is None else _duration(expires_in)
    with database() as dsn:
        key = key_commands.create(
            dsn,
            owner,
            operator=operator,
            read_only=read_only,
            expires_in=valid_for,
            max_order_usd=max_order_usd,
            max_daily_usd=max_daily_usd,
            max_orders_per_min=max_orders_per_min,
            max_reads_per_min=max_reads_per_min,
        )
    typer.echo(key)
    typer.echo("Store it now: the database keeps only its hash. It works within two seconds.", err=True)


@app.command("list")
def list_keys(as_json: Json = False) -> None:
    """List all keys, also those that are revoked or have expired, without their secrets."""
    from app.access import key_commands

    with database() as dsn:
        for line in key_commands.list_keys(dsn, for_programs=as_json):
            typer.echo(line)


@app.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(help="The key's prefix, as `engine keys list` shows it.")],
) -> None:
    """Revoke a key: every API process refuses it within two seconds."""
    from app.access import key_commands

    with database() as dsn:
        owner = key_commands.revoke(dsn, prefix)
    typer.echo(f"Key {prefix} of {owner} is revoked.")


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9]\d{0,4})([dhm])", text)
    if found is None:
        raise SettingsError("--expires-in: a number of days, hours or minutes, such as 90d, 12h or 30m.")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
