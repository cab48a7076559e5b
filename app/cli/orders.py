"""The commands that place orders and follow them."""

from collections.abc import Callable
from typing import Annotated

import typer

from app.cli.options import Json, OrderId, Url


def submit(
    token_in: Annotated[str, typer.Option(help="You pay: symbol or mint.")],
    token_out: Annotated[str, typer.Option(help="You receive: symbol or mint.")],
    amount: Annotated[str, typer.Option(help="Amount you pay.")],
    slippage_bps: Annotated[int | None, typer.Option(help="Slippage tolerance in basis points.")] = None,
    min_amount_out: Annotated[str | None, typer.Option(help="Minimum amount you receive.")] = None,
    order_type: Annotated[
        str,
        typer.Option("--type", help="market, limit, stop, take_profit, trailing_stop, dca, sniper, oco or bracket."),
    ] = "market",
    limit_price: Annotated[str | None, typer.Option(help="The worst price you accept: token out for one in.")] = None,
    trigger_price: Annotated[
        str | None, typer.Option(help="Of a stop or a take-profit: the price it waits for.")
    ] = None,
    trail_bps: Annotated[
        int | None, typer.Option(help="Of a trailing stop: how far the price falls below its highest, in basis points.")
    ] = None,
    activation_price: Annotated[
        str | None, typer.Option(help="Of a trailing stop: it follows the price from here on; default: from now on.")
    ] = None,
    take_profit_price: Annotated[
        str | None, typer.Option(help="Of an oco or a bracket: its take-profit waits for this price.")
    ] = None,
    stop_loss_price: Annotated[
        str | None, typer.Option(help="Of an oco or a bracket: its stop waits for this price.")
    ] = None,
    stop_loss_limit_price: Annotated[
        str | None, typer.Option(help="Of an oco or a bracket: the worst price its stop accepts.")
    ] = None,
    slices: Annotated[int | None, typer.Option(help="Of a dca order: in how many parts it is executed.")] = None,
    every_seconds: Annotated[int | None, typer.Option(help="Of a dca order: the time between two parts.")] = None,
    event: Annotated[
        str, typer.Option(help="Of a sniper: pool_created, or liquidity with --min-depth-usd.")
    ] = "pool_created",
    venue: Annotated[str | None, typer.Option(help="Of a sniper: only pools of this venue count.")] = None,
    min_depth_usd: Annotated[str | None, typer.Option(help="Of a sniper: what the pools must hold.")] = None,
    time_in_force: Annotated[str | None, typer.Option(help="gtc, gtd, or ioc: now or not at all.")] = None,
    expires_in_seconds: Annotated[int | None, typer.Option(help="It expires if it was not filled by then.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="The same as a time, like 2030-01-01T09:00:00Z.")] = None,
    acknowledge_price: Annotated[
        bool, typer.Option("--acknowledge-price", help="The limit price may be far worse than the market's.")
    ] = False,
    acknowledge_single_venue: Annotated[
        bool, typer.Option("--acknowledge-single-venue", help="The price of one venue alone may fire the order.")
    ] = False,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key never places a second order.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the order to its end.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Place an order: a market order, one that waits for a price or a launch, or one in slices.

    oco: a take-profit and a stop, or with --trail-bps a trailing stop. Once one is filled the other is cancelled.
    bracket: a limit order, and both of these for what it brings. Their prices are those of the opposite swap.
    """
    from app.client import commands
    from app.client.groups import GROUPS, group_body

    profit = {"price": take_profit_price} if take_profit_price is not None else {}
    losses = {"price": stop_loss_price, "limitPrice": stop_loss_limit_price}
    loss = {name: value for name, value in losses.items() if value is not None}
    if (profit or loss) and order_type not in GROUPS:
        raise typer.BadParameter(f"--take-profit-price and --stop-loss-price are for {' and '.join(GROUPS)}.")
    if watch and order_type in GROUPS:
        raise typer.BadParameter("--watch follows one order. Use `engine watch` with an order of the group.")
    if trigger_price is not None and order_type in GROUPS:
        raise typer.BadParameter("Use --take-profit-price and --stop-loss-price in place of --trigger-price.")

    needed: dict[str, dict[str, object]] = {
        "limit": {"--limit-price": limit_price},
        "stop": {"--trigger-price": trigger_price},
        "take_profit": {"--trigger-price": trigger_price},
        "trailing_stop": {"--trail-bps": trail_bps},
        "dca": {"--slices": slices, "--every-seconds": every_seconds},
        "sniper": {"--limit-price": limit_price},
        "oco": {"--take-profit-price": take_profit_price, "--stop-loss-price or --trail-bps": loss or trail_bps},
        "bracket": {"--limit-price": limit_price, "--take-profit-price": take_profit_price, "--stop-loss-price": loss},
    }
    if missing := [name for name, value in needed.get(order_type, {}).items() if not value]:
        raise typer.BadParameter(f"--type {order_type} needs {' and '.join(missing)}.")

    launch = {"event": event, "venue": venue, "minDepthUsd": min_depth_usd} if order_type == "sniper" else {}
    price = {"price": trigger_price, "trailBps": trail_bps, "activationPrice": activation_price}
    trigger = {name: value for name, value in (price | launch).items() if value is not None}
    parts = {"slices": slices, "everySeconds": every_seconds}
    schedule = {name: value for name, value in parts.items() if value is not None}
    options = {
        "tokenIn": token_in,
        "tokenOut": token_out,
        "amount": amount,
        "slippageBps": slippage_bps,
        "minAmountOut": min_amount_out,
        "orderType": None if order_type == "market" else order_type,
        "limitPrice": limit_price,
        "trigger": trigger or None,
        "schedule": schedule or None,
        "timeInForce": time_in_force,
        "expiresInSeconds": expires_in_seconds,
        "expiresAt": expires_at,
        "acknowledgePrice": acknowledge_price or None,
        "acknowledgeSingleVenue": acknowledge_single_venue or None,
    }
    order = {name: value for name, value in options.items() if value is not None}
    if order_type in GROUPS:
        group = group_body(order_type, order, profit, loss)
        commands.run(url, lambda engine: commands.submit_group(engine, group, idempotency_key, as_json=as_json))
    else:
        commands.run(
            url, lambda engine: commands.submit(engine, order, idempotency_key, watching=watch, as_json=as_json)
        )


def watch(
    order_id: OrderId,
    after: Annotated[int, typer.Option(min=0, help="Number of the last event you have seen.")] = 0,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Follow an order to its end. Exit code 0 if it is filled, else 1."""
    from app.client import commands

    commands.run(url, lambda engine: commands.watch(engine, order_id, after, as_json=as_json))


def simulate(
    count: Annotated[int, typer.Option(min=1, max=1000, help="Number of orders.")] = 5,
    token_in: Annotated[
        str | None, typer.Option(help="With --token-out and --amount: the same swap every time.")
    ] = None,
    token_out: Annotated[str | None, typer.Option()] = None,
    amount: Annotated[str | None, typer.Option()] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Place several orders at once, like `engine submit` does, and show the progress of each.

    They are real orders of the engine: on a real chain, real swaps.
    """
    from app.client import commands

    swap = (token_in, token_out, amount)
    commands.run(url, lambda engine: commands.simulate(engine, count, *swap, as_json=as_json))


COMMANDS: dict[str, Callable[..., None]] = {
    "submit": submit,
    "watch": watch,
    "simulate": simulate,
}
