"""The commands that change orders, or whether they are traded."""

from collections.abc import Callable
from typing import Annotated

import typer

from app.cli.options import Json, OrderId, Url

Reason = Annotated[str, typer.Option(help="Shown to every caller that it stops, and written to the audit log.")]
Owner = Annotated[str | None, typer.Option(help="Only this owner; default: all owners.")]


def cancel(
    order_id: Annotated[str, typer.Argument(help="The id of an order.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="All of your orders whose swap was not sent, or those of these options.")
    ] = False,
    token_in: Annotated[str | None, typer.Option(help="With --all: that pay this token.")] = None,
    token_out: Annotated[str | None, typer.Option(help="With --all: that receive this token.")] = None,
    order_type: Annotated[str | None, typer.Option("--type", help="With --all: of this type.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Cancel an order, or all. Exit code 0 if it is cancelled, or will be unless its swap lands."""
    from app.client import changes, commands

    chosen = {"tokenIn": token_in, "tokenOut": token_out, "orderType": order_type}
    which = {name: value for name, value in chosen.items() if value is not None}
    if bool(order_id) == everything or (which and not everything):
        raise typer.BadParameter("Name the id of one order, or use --all, with or without its options.")
    if everything:
        commands.run(url, lambda engine: changes.cancel_all(engine, which, as_json=as_json))
    commands.run(url, lambda engine: changes.cancel(engine, order_id, as_json=as_json))


def amend(
    order_id: OrderId,
    limit_price: Annotated[str | None, typer.Option(help="The worst price you accept.")] = None,
    trigger_price: Annotated[
        str | None, typer.Option(help="Of a stop or a take-profit: the price it waits for.")
    ] = None,
    trail_bps: Annotated[int | None, typer.Option(help="Of a trailing stop: its distance, in basis points.")] = None,
    activation_price: Annotated[
        str | None, typer.Option(help="Of a trailing stop: it follows the price from here on.")
    ] = None,
    slippage_bps: Annotated[int | None, typer.Option(help="Slippage tolerance in basis points.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="When it expires, like 2030-01-01T09:00:00Z.")] = None,
    seq: Annotated[
        int | None, typer.Option(help="Its `seq` as you know it: nothing is changed if it has another one by now.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Change an order that waits."""
    from app.client import changes, commands

    prices = {"price": trigger_price, "trailBps": trail_bps, "activationPrice": activation_price}
    trigger = {name: value for name, value in prices.items() if value is not None}
    wanted = {"limitPrice": limit_price, "slippageBps": slippage_bps, "expiresAt": expires_at}
    fields = {name: value for name, value in wanted.items() if value is not None} | (
        {"trigger": trigger} if trigger else {}
    )
    if not fields:
        raise typer.BadParameter("Name at least one thing that changes; `engine amend --help` lists them.")
    commands.run(url, lambda engine: changes.amend(engine, order_id, fields, seq, as_json=as_json))


def dead_man(
    seconds: Annotated[int, typer.Argument(min=0, max=86_400, help="How long you may be silent; 0: off.")],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Cancel all of your orders unless you run this again within so many seconds."""
    from app.client import changes, commands

    commands.run(url, lambda engine: changes.dead_man(engine, seconds, as_json=as_json))


def pause(
    reason: Reason = "an operator",
    owner: Owner = None,
    reducing: Annotated[
        bool, typer.Option("--reducing", help="Only accept nothing new: orders under way go on.")
    ] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Stop trading: nothing is accepted, starts or is sent until `engine resume`. For operators."""
    from app.client import changes, commands

    state = "reducing" if reducing else "halted"
    commands.run(url, lambda engine: changes.trading(engine, state, reason, owner, as_json=as_json))


def resume(reason: Reason = "an operator", owner: Owner = None, url: Url = None, as_json: Json = False) -> None:
    """Trade again. For operators."""
    from app.client import changes, commands

    commands.run(url, lambda engine: changes.trading(engine, "active", reason, owner, as_json=as_json))


def retry(order_id: OrderId, url: Url = None, as_json: Json = False) -> None:
    """Place a failed order anew; again and again places it once. For operators."""
    from app.client import changes, commands

    commands.run(url, lambda engine: changes.retry(engine, order_id, as_json=as_json))


COMMANDS: dict[str, Callable[..., None]] = {
    "cancel": cancel,
    "amend": amend,
    "dead-man": dead_man,
    "pause": pause,
    "resume": resume,
    "retry": retry,
}
