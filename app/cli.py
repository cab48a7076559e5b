"""The `engine` command. What can be expected to go wrong is one sentence and exit code 1."""

import errno
import json
import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from app.local import CannotStart
from app.settings import Settings, SettingsError, load


class OneSentence(TyperGroup):
    """Tells what went wrong instead of showing where in our code."""

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
    cls=OneSentence,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Executes market orders on the better of two venues, and tells the whole story as it happens.",
)


@main.command()
def up(
    reload: Annotated[bool, typer.Option(help="Start API and worker again when a source changes.")] = False,
) -> None:
    """Run everything on this machine until Ctrl-C."""
    from app.local import supervisor

    supervisor.up(load(), reload=reload)


@main.command()
def api() -> None:
    """Run the API alone."""
    settings = _with_servers()
    from app.server.server import serve

    serve(settings)


@main.command()
def worker() -> None:
    """Run one worker alone."""
    _with_servers()
    from worker.main import main as work

    work()


@main.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    from migrations.upgrade import upgrade

    upgrade(_database())


keys = typer.Typer(no_args_is_help=True, help="Who may call this engine in production mode.")
main.add_typer(keys, name="keys")


@keys.command("create")
def create_key(
    owner: Annotated[str, typer.Option(help="Whose orders they are; several keys may share an owner.")],
    operator: Annotated[bool, typer.Option("--operator", help="May also operate: dead letters, the queue.")] = False,
) -> None:
    """Make a key and show it: this once, and never again."""
    from app.access import key_commands

    typer.echo(key_commands.create(_database(), owner, operator=operator))
    typer.echo("Keep it now: only its hash is stored. It works within two seconds.", err=True)


@keys.command("list")
def list_keys() -> None:
    """Every key there is or was, without its secret."""
    from app.access import key_commands

    for line in key_commands.listed(_database()):
        typer.echo(line)


@keys.command("revoke")
def revoke_key(prefix: Annotated[str, typer.Argument(help="How `engine keys list` names it.")]) -> None:
    """End a key: every API process refuses it within two seconds."""

    from app.access import key_commands

    typer.echo(f"{prefix} of {key_commands.revoke(_database(), prefix)} is revoked.")


@main.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what runs here, and where."""
    from app.local import state

    report = state.report(load().engine_home.absolute())
    if as_json:
        typer.echo(json.dumps(report))
    elif report["api"]["url"] is None:
        typer.echo("Nothing runs here; `engine up` starts it.")
    else:
        for name, facts in report.items():
            typer.echo(f"{name:9} " + "  ".join(str(fact or "down") for fact in facts.values()))


BaseUrl = Annotated[str | None, typer.Option(help="The engine; default: PUBLIC_URL, or the one that runs here.")]
ApiKey = Annotated[str | None, typer.Option(envvar="ENGINE_API_KEY", show_envvar=True, help="A caller's key.")]


@main.command()
def submit(
    token_in: Annotated[str, typer.Option(help="What you give: symbol or mint.")],
    token_out: Annotated[str, typer.Option(help="What you want: symbol or mint.")],
    amount: Annotated[str, typer.Option(help="How much of it you give.")],
    slippage_bps: Annotated[int | None, typer.Option(help="How far below the quote it may fill.")] = None,
    min_amount_out: Annotated[str | None, typer.Option(help="The least you take.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key never makes a second order.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Place a market order."""
    from app.client import address, commands

    asked = {
        "tokenIn": token_in,
        "tokenOut": token_out,
        "amount": amount,
        "slippageBps": slippage_bps,
        "minAmountOut": min_amount_out,
    }
    order = {name: value for name, value in asked.items() if value is not None}
    commands.run(commands.submit(address.base_url(base_url), api_key, order, idempotency_key, watch))


@main.command()
def watch(
    order_id: str,
    after: Annotated[int, typer.Option(min=0, help="The number of the last event you have seen.")] = 0,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Follow an order to its end: 0 if it is confirmed, 1 if not."""
    from app.client import address, commands

    commands.run(commands.watch(address.base_url(base_url), api_key, order_id, after))


@main.command()
def simulate(
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many orders.")] = 5,
    token_in: Annotated[str | None, typer.Option(help="With --token-out and --amount: this swap, every time.")] = None,
    token_out: Annotated[str | None, typer.Option()] = None,
    amount: Annotated[str | None, typer.Option()] = None,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Place several orders at once and draw how each fares."""
    from app.client import address, commands

    commands.run(commands.simulate(address.base_url(base_url), api_key, count, token_in, token_out, amount))


def _database() -> str:
    dsn = _with_servers(redis=False).postgres_dsn
    assert dsn
    return dsn


def _with_servers(*, redis: bool = True) -> Settings:
    """The settings with the servers known: the environment's, or those of the `engine up` that runs here."""
    settings = load()
    if settings.postgres_dsn and (settings.redis_dsn or not redis):
        return settings
    from app.local import state

    running = state.read(settings.engine_home.absolute())
    if running is None:
        missing = "DATABASE_URL" if not redis else "DATABASE_URL and REDIS_URL"
        raise CannotStart(f"set {missing}, or start `engine up`, which brings its own: this process needs them.")
    # In the environment: the app reads its settings for itself.
    os.environ["DATABASE_URL"] = settings.postgres_dsn or running.postgres
    os.environ["REDIS_URL"] = settings.redis_dsn or running.redis
    return load()


if __name__ == "__main__":
    main()
