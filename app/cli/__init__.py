"""The `engine` command. An expected error is one sentence, never a traceback; docs/cli.md lists the exit codes."""

import errno
import json
import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from app.cli import changes, doctor, keys, lists, maintenance, orders, webhooks
from app.cli.options import Json
from app.cli.servers import database, with_servers
from app.local import CannotStart
from app.settings import ENV_FILE, SettingsError, load


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
        except UnicodeEncodeError:
            typer.echo("engine: what was given is not text in UTF-8.", err=True)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        raise typer.Exit(1)


main = typer.Typer(
    cls=OneSentenceErrors,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Executes orders on the better of two venues and streams every step. Commands that talk to an engine take "
    "their API key from ENGINE_API_KEY.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"engine {version('order-execution-engine')}")
        raise typer.Exit(0)


@main.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@main.command(
    help="Run everything on this machine until Ctrl-C. The settings PORT (3000), where it listens, and ENGINE_HOME, "
    f"the directory of its data, logs and state, are read from the environment and from {ENV_FILE}."
)
def up(
    reload: Annotated[bool, typer.Option(help="Restart API, worker and watcher when a source file changes.")] = False,
) -> None:
    from app.local import supervisor

    supervisor.up(load(), reload=reload)


@main.command()
def localnet(
    reload: Annotated[bool, typer.Option(help="Restart API, worker and watcher when a source file changes.")] = False,
) -> None:
    """Run everything on a Solana chain of this machine, with a funded wallet, until Ctrl-C."""
    from app.local import supervisor
    from app.localnet.home import prepare

    chain = prepare(load().engine_home.absolute() / "localnet")
    os.environ.update(chain.settings)
    typer.echo(f"engine  | the wallet {chain.wallet} trades on the chain at {chain.url}")
    supervisor.up(load(), reload=reload, node=chain.command)


@main.command()
def api() -> None:
    """Run only the API."""
    settings = with_servers()
    from app.server.server import serve

    serve(settings)


@main.command()
def worker() -> None:
    """Run only a worker."""
    with_servers()
    from worker.main import main as work

    work()


@main.command()
def watcher() -> None:
    """Run only a watcher, which fires the orders that wait for a price."""
    with_servers()
    from app.watcher.main import main as watch_prices

    watch_prices()


@main.command()
def migrate() -> None:
    """Migrate the database to the newest revision."""
    from migrations.upgrade import upgrade

    with database() as dsn:
        upgrade(dsn)


@main.command()
def reconcile(
    reason: Annotated[str, typer.Option(help="Why: shown to operators, and written to the audit log.")] = "an operator",
    show: Annotated[
        bool, typer.Option("--show", help="Only show whether it goes on, and swaps without order.")
    ] = False,
) -> None:
    """Start nothing until the chain was asked about every order: after a restore of the database."""
    from app.orders.reconciling import commands

    with database() as dsn:
        if show:
            for line in commands.show(dsn):
                typer.echo(line)
            return
        commands.reconcile(dsn, reason[:200])
    typer.echo(
        "Nothing starts until a worker has asked the chain about every order; `engine reconcile --show` says more."
    )


@main.command()
def status(as_json: Json = False) -> None:
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


main.add_typer(keys.app, name="keys")
main.add_typer(webhooks.app, name="webhooks")
for commands in (orders, lists, changes, maintenance, doctor):
    for name, command in commands.COMMANDS.items():
        main.command(name)(command)
