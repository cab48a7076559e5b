"""What a process that was frozen, or not there, does for clients that have left, or have called another one since."""

import asyncio
import socket
import sys
import threading
import time
from typing import Any

import asyncpg
import orjson
import pytest

from app import metrics
from app.orders.changes import LATE_SECONDS
from tests.engine import SELL_SOL, Engine, eventually
from tests.integration.test_order_groups import OCO
from tests.integration.test_waiting_orders import LIMIT

pytestmark = pytest.mark.usefixtures("primed_queue")


def served(path: str) -> float:
    """How many requests to this path were, by all engines of this process."""
    samples = [one for metric in metrics.REQUESTS.collect() for one in metric.samples]
    return sum(one.value for one in samples if one.name.endswith("_total") and path in one.labels.values())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/orders/execute", SELL_SOL),
        ("/api/orders/batch", {"orders": [SELL_SOL, SELL_SOL]}),
        ("/api/order-groups", OCO),
    ],
)
async def test_nothing_is_placed_for_a_client_that_has_left(engine: Engine, path: str, body: dict[str, Any]) -> None:
    """30 s after their clients had given up, and the dead man's switch had cancelled all orders, 5 of 5 were filled."""
    await sent_and_left(engine, "POST", path, body)
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


@pytest.mark.parametrize("seconds", [60, 0])
async def test_a_client_that_has_left_does_not_change_its_dead_mans_switch(engine: Engine, seconds: int) -> None:
    """It had set it in another process since: a switch that was off was on again, and cancelled all orders."""
    assert (await engine.http.put("/api/dead-man", json={"seconds": 30 - seconds // 2})).status_code == 200
    await sent_and_left(engine, "PUT", "/api/dead-man", {"seconds": seconds})
    assert (await engine.http.get("/api/dead-man")).json()["seconds"] == 30 - seconds // 2


async def test_a_client_that_has_left_amends_no_order(engine: Engine) -> None:
    """It had read that the order was unchanged: 4 s later it was amended, and filled at the price given up (3 of 3)."""
    order = (await engine.place(**LIMIT))["orderId"]
    path, change = "/api/orders/{order_id}", {"limitPrice": "100", "acknowledgePrice": True}
    await sent_and_left(engine, "PATCH", path, change, order_id=order)
    assert (await engine.order(order))["seq"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only its kernel tells when it received something")
async def test_a_late_cancel_of_all_orders_leaves_those_that_were_placed_since(engine: Engine) -> None:
    """Another process had cancelled all, so its client had placed new orders: the frozen one cancelled these too."""
    before, since = [(await engine.place(**LIMIT))["orderId"] for _ in range(2)]

    with connected(engine) as client:
        client.sendall(request("POST", "/api/orders/cancel-all", {}))
        frozen_while_it_is_placed(since, str(engine.settings.postgres_dsn))
        answer = await asyncio.to_thread(client.recv, 65_536)
    assert answer.endswith(b'{"cancelled":1}')
    assert [(await engine.order(one))["status"] for one in (before, since)] == ["cancelled", "open"]


def frozen_while_it_is_placed(order: str, dsn: str) -> None:
    async def place() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute("UPDATE orders SET created_at = clock_timestamp() WHERE id = $1", order)
        await connection.close()

    time.sleep(LATE_SECONDS + 0.2)
    other = threading.Thread(target=asyncio.run, args=(place(),))
    other.start()
    other.join()


def request(method: str, path: str, body: dict[str, Any]) -> bytes:
    content = orjson.dumps(body)
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nif-match: 1\r\n"
    return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


def connected(engine: Engine) -> socket.socket:
    return socket.create_connection((engine.http.base_url.host, engine.http.base_url.port))


async def sent_and_left(engine: Engine, method: str, path: str, body: dict[str, Any], **parameters: str) -> None:
    """Until it was served."""
    before = served(path)
    with connected(engine) as client:  # while the server, in this thread, does nothing
        client.sendall(request(method, path.format(**parameters), body))

    async def is_served() -> bool:
        return served(path) > before

    await eventually(is_served)
