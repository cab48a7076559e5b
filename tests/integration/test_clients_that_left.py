"""A client that has left gets no order: the process that serves it may have been frozen for long, or not been there."""

import socket
from typing import Any

import orjson
import pytest

from app import metrics
from tests.engine import SELL_SOL, Engine, eventually
from tests.integration.test_order_groups import OCO

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
    content, before = orjson.dumps(body), served(path)
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    address = engine.http.base_url.host, engine.http.base_url.port
    with socket.create_connection(address) as client:  # while the server, in this thread, does nothing
        client.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)

    async def is_served() -> bool:
        return served(path) > before

    await eventually(is_served)
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0
