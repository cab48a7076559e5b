"""`engine reconcile`: begins to reconcile, or shows how far it is."""

import asyncpg

from app.audit import command_line
from app.orders.reconciling.compared import NEWEST
from app.orders.reconciling.state import STATE, begin
from app.postgres.running import run_command

SHOWN = 100


def reconcile(dsn: str, reason: str) -> None:
    """Nothing starts from now on, until a worker has asked the chain about every order."""

    async def stop(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await begin(connection, reason, actor=command_line())

    run_command(dsn, stop)


def show(dsn: str) -> list[str]:
    """Whether it goes on, and the swaps that landed without an order here."""

    async def read(connection: asyncpg.Connection) -> list[str]:
        state = await connection.fetch(STATE)
        lines = [
            f"Reconciling since {one['set_at']:%Y-%m-%d %H:%M:%S}: {one['reason']}. It waits for"
            f" {one['waits_for'] or 'a worker that asks the chain'}."
            for one in state
        ]
        unmatched = [
            f"{one['landed_at']:%Y-%m-%d %H:%M:%S}  {one['signature']}  order {one['order_id']}"
            f" ({one['status'] or 'not known'})  {one['amount_in']} {one['token_in']} -> {one['amount_out']}"
            f" {one['token_out']} (base units)" + (f"  has filled {one['filled_order']}" if one["filled_order"] else "")
            for one in await connection.fetch(NEWEST, SHOWN)
        ]
        return [*(lines or ["Not reconciling."]), *unmatched]

    return run_command(dsn, read)
