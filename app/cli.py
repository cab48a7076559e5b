"""The `engine` command. An expected error is one sentence and exit code 1."""

import errno
import json
import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from app.local import CannotStart
from app.settings import Settings, SettingsError, load


class OneSentenceErrors(TyperGroup):
    """Prints an expected error as one sentence, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (CannotStart, SettingsError) as error:
            typer.echo(f"engine: {error}", err=True)
        except OSError as error:
            if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            typer.echo(f"engine: {error.filename or 'the disk'}: {error.strerror}.", err=True)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        raise typer.Exit(1)


main = typer.Typer(
    cls=OneSentenceErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Executes market orders on the better of two venues and streams every step.",
)


@main.command()
def up(
    reload: Annotated[bool, typer.Option(help="Restart API, worker and watcher when a source file changes.")] = False,
) -> None:
    """Run everything on this machine until Ctrl-C."""
    from app.local import supervisor

    supervisor.up(load(), reload=reload)


@main.command()
def api() -> None:
    """Run only the API."""
    settings = _with_servers()
    from app.server.server import serve

    serve(settings)


@main.command()
def worker() -> None:
    """Run only a worker."""
    _with_servers()
    from worker.main import main as work

    work()


@main.command()
def watcher() -> None:
    """Run only a watcher, which fires the orders that wait for a price."""
    _with_servers()
    from app.watcher.main import main as watch_prices

    watch_prices()


@main.command()
def migrate() -> None:
    """Migrate the database to the newest revision."""
    from migrations.upgrade import upgrade

    upgrade(_database())


keys = typer.Typer(no_args_is_help=True, help="Manage the API keys of production mode.")
main.add_typer(keys, name="keys")


@keys.command("create")
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
            _database(), owner, operator=operator, max_order_usd=max_order_usd, max_daily_usd=max_daily_usd
        )
    )
    typer.echo("Store it now: the database keeps only its hash. It works within two seconds.", err=True)


@keys.command("list")
def list_keys() -> None:
    """List all keys, revoked ones too, without their secrets."""
    from app.access import key_commands

    for line in key_commands.list_keys(_database()):
        typer.echo(line)


@keys.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(help="The key's prefix, as `engine keys list` shows it.")],
) -> None:
    """Revoke a key: every API process refuses it within two seconds."""
    from app.access import key_commands

    owner = key_commands.revoke(_database(), prefix)
    typer.echo(f"Key {prefix} of {owner} is revoked.")


@main.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the processes that run here, and their addresses."""
    from app.local import state

    report = state.report(load().engine_home.absolute())
    if as_json:
        typer.echo(json.dumps(report))
    elif report["api"]["url"] is None:
        typer.echo("The engine is not running; `engine up` starts it.")
    else:
        for name, facts in report.items():
            typer.echo(f"{name:9} " + "  ".join(str(fact or "down") for fact in facts.values()))


BaseUrl = Annotated[
    str | None, typer.Option(help="Address of the engine; default: PUBLIC_URL, or the engine that runs here.")
]
ApiKey = Annotated[str | None, typer.Option(envvar="ENGINE_API_KEY", show_envvar=True, help="An API key.")]


@main.command()
def submit(
    token_in: Annotated[str, typer.Option(help="You pay: symbol or mint.")],
    token_out: Annotated[str, typer.Option(help="You receive: symbol or mint.")],
    amount: Annotated[str, typer.Option(help="Amount you pay.")],
    slippage_bps: Annotated[int | None, typer.Option(help="Slippage tolerance in basis points.")] = None,
    min_amount_out: Annotated[str | None, typer.Option(help="Minimum amount you receive.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key never places a second order.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the order to its end.")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Place a market order."""
    from app.client import address, commands

    options = {
        "tokenIn": token_in,
        "tokenOut": token_out,
        "amount": amount,
        "slippageBps": slippage_bps,
        "minAmountOut": min_amount_out,
    }
    order = {name: value for name, value in options.items() if value is not None}
    commands.run(commands.submit(address.base_url(base_url), api_key, order, idempotency_key, watch))


@main.command()
def watch(
    order_id: str,
    after: Annotated[int, typer.Option(min=0, help="Number of the last event you have seen.")] = 0,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Follow an order to its end. Exit code 0 if it is confirmed, else 1."""
    from app.client import address, commands

    commands.run(commands.watch(address.base_url(base_url), api_key, order_id, after))


@main.command()
def simulate(
    count: Annotated[int, typer.Option(min=1, max=1000, help="Number of orders.")] = 5,
    token_in: Annotated[
        str | None, typer.Option(help="With --token-out and --amount: the same swap every time.")
    ] = None,
    token_out: Annotated[str | None, typer.Option()] = None,
    amount: Annotated[str | None, typer.Option()] = None,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Place several orders at once and show the progress of each."""
    from app.client import address, commands

    commands.run(commands.simulate(address.base_url(base_url), api_key, count, token_in, token_out, amount))


def _database() -> str:
    dsn = _with_servers(redis=False).postgres_dsn
    assert dsn
    return dsn


def _with_servers(*, redis: bool = True) -> Settings:
    """The settings with the addresses of the servers: from the environment, or from the running `engine up`."""
    settings = load()
    if settings.postgres_dsn and (settings.redis_dsn or not redis):
        return settings
    from app.local import state

    running = state.read(settings.engine_home.absolute())
    if running is None:
        missing = "DATABASE_URL" if not redis else "DATABASE_URL and REDIS_URL"
        raise CannotStart(f"set {missing}, or start `engine up`, which starts its own servers.")
    # Through the environment: the process reads its settings again.
    os.environ["DATABASE_URL"] = settings.postgres_dsn or running.postgres
    os.environ["REDIS_URL"] = settings.redis_dsn or running.redis
    return load()


if __name__ == "__main__":
    main()
