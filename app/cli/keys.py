"""`engine keys`."""

from typing import Annotated

import typer

from app.cli.servers import database

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
    max_order_usd: Annotated[
        int | None, typer.Option(min=0, max=10**12, help="Most dollars in one order; 0: no limit. [MAX_ORDER_USD]")
    ] = None,
    max_daily_usd: Annotated[
        int | None, typer.Option(min=0, max=10**12, help="The same for the owner's day (UTC). [MAX_DAILY_USD]")
    ] = None,
) -> None:
    """Create a key and print it. It cannot be shown again."""
    from app.access import key_commands

    typer.echo(
        key_commands.create(
            database(), owner, operator=operator, max_order_usd=max_order_usd, max_daily_usd=max_daily_usd
        )
    )
    typer.echo("Store it now: the database keeps only its hash. It works within two seconds.", err=True)


@app.command("list")
def list_keys() -> None:
    """List all keys, revoked ones too, without their secrets."""
    from app.access import key_commands

    for line in key_commands.list_keys(database()):
        typer.echo(line)


@app.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(help="The key's prefix, as `engine keys list` shows it.")],
) -> None:
    """Revoke a key: every API process refuses it within two seconds."""
    from app.access import key_commands

    owner = key_commands.revoke(database(), prefix)
    typer.echo(f"Key {prefix} of {owner} is revoked.")
