"""The commands that list something, or show one order."""

from collections.abc import Callable
from typing import Annotated

import typer

from app.cli.options import Json, OrderId, Url

Limit = Annotated[int, typer.Option(min=1, help="At most so many, the newest.")]
Owner = Annotated[str | None, typer.Option(help="Only those of this owner.")]


def orders(
    status: Annotated[str | None, typer.Option(help="Only orders with this status.")] = None,
    token_in: Annotated[str | None, typer.Option(help="Only orders that pay this token.")] = None,
    token_out: Annotated[str | None, typer.Option(help="Only orders that receive this token.")] = None,
    venue: Annotated[str | None, typer.Option(help="Only orders that were routed to this venue.")] = None,
    placed_from: Annotated[
        str | None, typer.Option("--from", help="Only orders placed then or later, like 2030-01-01T09:00:00Z.")
    ] = None,
    before: Annotated[str | None, typer.Option(help="Only orders placed earlier.")] = None,
    limit: Limit = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List your orders, newest first."""
    from app.client import commands, lists, tables

    query = {"status": status, "tokenIn": token_in, "tokenOut": token_out, "venue": venue}
    query |= {"from": placed_from, "before": before}
    commands.run(url, lambda engine: lists.list_rows(engine, tables.ORDERS, query, limit, as_json=as_json))


def open_orders(url: Url = None, as_json: Json = False) -> None:
    """List the orders that wait, and how far the price of each is."""
    from app.client import commands, lists, tables

    query = {"status": "open"}
    commands.run(url, lambda engine: lists.list_rows(engine, tables.OPEN, query, lists.ALL, as_json=as_json))


def show(order_id: OrderId, url: Url = None, as_json: Json = False) -> None:
    """Show one order and its events."""
    from app.client import commands, lists

    commands.run(url, lambda engine: lists.show(engine, order_id, as_json=as_json))


def dead_letters(owner: Owner = None, limit: Limit = 20, url: Url = None, as_json: Json = False) -> None:
    """List the failed orders that nobody has acknowledged. For operators."""
    from app.client import commands, lists, tables

    query = {"owner": owner}
    commands.run(url, lambda engine: lists.list_rows(engine, tables.DEAD_LETTERS, query, limit, as_json=as_json))


def audit(
    owner: Owner = None,
    action: Annotated[str | None, typer.Option(help="Only this action, such as kill_switch.set.")] = None,
    limit: Limit = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List what operators did, and which requests were refused. For operators."""
    from app.client import commands, lists, tables

    query = {"owner": owner, "action": action}
    commands.run(url, lambda engine: lists.list_rows(engine, tables.AUDIT, query, limit, as_json=as_json))


COMMANDS: dict[str, Callable[..., None]] = {
    "orders": orders,
    "open": open_orders,
    "show": show,
    "dead-letters": dead_letters,
    "audit": audit,
}
