"""The API: an order, its first event and its workflow are written in one transaction."""

import os
import uuid
from typing import Any

import sqlalchemy as sa
import uvicorn
from dbos import DBOSClient
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field
from venues import RESERVES, base_units

URL = os.environ["DATABASE_URL"]
engine = sa.create_engine(sa.make_url(URL).set(drivername="postgresql+psycopg"), pool_size=20)
client = DBOSClient(system_database_engine=engine)
app = FastAPI()

PLACE = sa.text("""
    WITH placed AS (
        INSERT INTO orders (id, owner, token_in, token_out, amount_in, slippage_bps, status, seq)
        VALUES (cast(:id AS uuid), 'local', :token_in, :token_out, :amount_in, :slippage_bps, 'pending', 1)
        RETURNING id, created_at
    )
    INSERT INTO order_events (order_id, seq, status, attempt, at) SELECT id, 1, 'pending', 0, created_at FROM placed
    RETURNING at
""")
EVENTS = sa.text("""
    SELECT seq, status, attempt, at, details FROM order_events WHERE order_id = cast(:id AS uuid) ORDER BY seq
""")


class Order(BaseModel):
    tokenIn: str = Field(max_length=12)
    tokenOut: str = Field(max_length=12)
    amount: float | str
    slippageBps: int = Field(50, ge=0, le=10_000)


@app.post("/api/orders/execute", status_code=202)
def place(order: Order, request: Request) -> dict[str, Any]:
    if order.tokenIn not in RESERVES or order.tokenOut not in RESERVES or order.tokenIn == order.tokenOut:
        raise HTTPException(422, "unsupported pair")
    amount_in = base_units(order.tokenIn, str(order.amount))
    if amount_in is None:
        raise HTTPException(422, "amount is not one")
    order_id = str(uuid.uuid4())
    row = {"token_in": order.tokenIn, "token_out": order.tokenOut, "slippage_bps": order.slippageBps}
    with engine.begin() as connection:
        at = connection.execute(PLACE, row | {"id": order_id, "amount_in": amount_in}).scalar_one()
        client.enqueue_in_transaction(
            connection,
            {"workflow_name": "execute", "queue_name": "orders", "workflow_id": order_id, "app_version": "1"},
            order_id,
            order.tokenIn,
            order.tokenOut,
            amount_in,
            order.slippageBps,
        )
    return {
        "success": True,
        "orderId": order_id,
        "status": "pending",
        "message": "Order queued successfully",
        "eventsUrl": f"{request.url}/{order_id}",
        "createdAt": at,
    }


@app.get("/api/orders/execute/{order_id}")
def events(order_id: uuid.UUID) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(EVENTS, {"id": str(order_id)}).mappings()]


@app.get("/health/live")
async def live() -> dict[str, str]:
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(os.environ["PORT"]), backlog=2048, access_log=False, log_level="warning"
    )
