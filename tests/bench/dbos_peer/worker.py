"""The worker: one durable workflow per order. Each step writes a status; DBOS then writes its checkpoint.

A step that was interrupted between the two runs again and changes nothing: an order leaves each status only once.
"""

import hashlib
import json
import os
import signal
import threading
import time
from typing import Any

import sqlalchemy as sa
from dbos import DBOS
from venues import price, quotes

URL = os.environ["DATABASE_URL"]
CONCURRENCY = int(os.environ.get("WORKER_CONCURRENCY", "10"))
QUOTE_SECONDS = int(os.environ.get("MOCK_QUOTE_MS", "0")) / 1000
EXECUTION_SECONDS = int(os.environ.get("MOCK_EXECUTION_MS_MAX", "0")) / 1000
# The default of one second would bound it to ten orders a second. See README.md for other values.
POLLING_SECONDS = float(os.environ.get("DBOS_POLLING_SECONDS", "0.03"))

MOVE = sa.text("""
    WITH moved AS (
        UPDATE orders SET status = :status, seq = seq + 1, attempt = 1, dex = coalesce(:dex, dex),
               tx_hash = coalesce(:tx_hash, tx_hash), executed_price = :executed_price, amount_out = :amount_out,
               updated_at = now()
         WHERE id = cast(:id AS uuid) AND status = :before
        RETURNING id, seq, updated_at
    )
    INSERT INTO order_events (order_id, seq, status, attempt, at, details)
    SELECT id, seq, :status, 1, updated_at, cast(:details AS json) FROM moved
""")
EMPTY = {"dex": None, "tx_hash": None, "executed_price": None, "amount_out": None}

engine = sa.create_engine(
    sa.make_url(URL).set(drivername="postgresql+psycopg"), pool_size=CONCURRENCY, isolation_level="AUTOCOMMIT"
)


def move(order: str, before: str, status: str, details: dict[str, Any] | None = None, **columns: Any) -> None:
    values = EMPTY | columns | {"id": order, "before": before, "status": status, "details": json.dumps(details or {})}
    with engine.connect() as connection:
        connection.execute(MOVE, values)


@DBOS.step()
def route(order: str, token_in: str, token_out: str, amount_in: int) -> tuple[str, int]:
    move(order, "pending", "routing")
    time.sleep(QUOTE_SECONDS)
    found = quotes(token_in, token_out, amount_in)
    best = max(found, key=found.__getitem__)
    return best, found[best]


@DBOS.step()
def build(order: str, dex: str, amount_out: int, slippage_bps: int, executed_price: float) -> None:
    floor = amount_out * (10_000 - slippage_bps) // 10_000
    move(order, "routing", "building", {"dex": dex, "price": executed_price, "minAmountOut": str(floor)}, dex=dex)


@DBOS.step()
def submit(order: str) -> str:
    tx_hash = hashlib.sha256(order.encode()).hexdigest()  # the same if the step runs again
    move(order, "building", "submitted", {"txHash": tx_hash}, tx_hash=tx_hash)
    return tx_hash


@DBOS.step()
def confirm(order: str, tx_hash: str, dex: str, amount_out: int, executed_price: float) -> None:
    time.sleep(EXECUTION_SECONDS)
    details = {"txHash": tx_hash, "dex": dex, "executedPrice": executed_price, "amountOut": str(amount_out)}
    move(order, "submitted", "confirmed", details, executed_price=executed_price, amount_out=amount_out)


@DBOS.workflow(name="execute")
def execute(order: str, token_in: str, token_out: str, amount_in: int, slippage_bps: int) -> None:
    dex, amount_out = route(order, token_in, token_out, amount_in)
    executed_price = price(token_in, token_out, amount_in, amount_out)
    build(order, dex, amount_out, slippage_bps, executed_price)
    tx_hash = submit(order)
    confirm(order, tx_hash, dex, amount_out, executed_price)


def main() -> None:
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    DBOS(config={"name": "orders", "system_database_url": URL, "application_version": "1", "log_level": "WARNING"})
    DBOS.launch()
    DBOS.register_queue("orders", worker_concurrency=CONCURRENCY, polling_interval_sec=POLLING_SECONDS)
    stopped.wait()
    DBOS.destroy()


if __name__ == "__main__":
    main()
