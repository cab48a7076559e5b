"""The Python client against a whole engine: real HTTP, real sockets, real databases."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from order_execution_client import (
    AsyncClient,
    Bracket,
    Client,
    Conflict,
    Exit,
    InvalidRequest,
    Limit,
    Market,
    NotAllowed,
    NotFound,
    Unreachable,
)
from tests.chaos.proxy import LinkState, Proxy
from tests.engine import HAPPY, Engine, eventually, running_engine
from tests.integration.test_access import PRODUCTION, new_key, trust_test_servers

README = Path(__file__).resolve().parents[2] / "clients" / "python" / "README.md"
SELL = Market("SOL", "USDC", "1.5")
FAR = Limit("SOL", "USDC", "1.5", limit_price="100000")


def port_of(engine: Engine) -> int:
    return int(engine.base_url.rpartition(":")[2])


@contextmanager
def in_front_of(proxy: Proxy, engine: Engine) -> Iterator[str]:
    proxy.target = port_of(engine)
    yield f"http://127.0.0.1:{proxy.port}"
    proxy.reset()  # as if the process were killed


@pytest.fixture
async def proxy() -> Any:
    made = Proxy(0)
    await made.start()
    yield made
    await made.stop()


async def test_the_lines_of_the_readme_do_what_it_says(engine: Engine) -> None:
    await engine.start_worker()
    printed: list[str] = []
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 5
    assert blocks[4] == (README.parent / "examples" / "bot.py").read_text()  # run by test_python_bot.py
    names = {"print": lambda *words: printed.append(" ".join(map(str, words)).strip())}
    for block in blocks[:4]:
        code = compile(block.replace("http://localhost:3000", engine.base_url), str(README), "exec")
        await asyncio.to_thread(exec, code, dict(names))
    assert [line.split()[0] for line in printed[:5]] == HAPPY
    assert Decimal(printed[4].split()[1]) > 0
    assert printed[5].endswith(" open")
    assert printed[6:] == ["open", "open", "cancelled", "invalid_order /amount"]


async def test_watching_goes_on_over_a_restart_of_the_api(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, proxy: Proxy
) -> None:
    """Both clients, two orders each. The orders are executed by a second API's worker after the first was killed."""
    seen: list[list[tuple[str, int]]] = [[], []]
    orders: list[str] = []

    async def follow(url: str) -> None:
        async with AsyncClient(url) as client:
            async for event in client.watch(*orders):
                seen[0].append((event.order_id, event.seq))

    def follow_in_thread(url: str) -> None:
        with Client(url) as client:
            seen[1].extend((event.order_id, event.seq) for event in client.watch(*orders))

    async with running_engine(postgres_dsn, redis_dsn) as first:
        with in_front_of(proxy, first) as url:
            async with AsyncClient(url) as client:
                orders += [(await client.place(SELL)).order_id for _ in range(2)]
            watching = asyncio.gather(follow(url), asyncio.to_thread(follow_in_thread, url))
            await eventually(lambda: _both_have(seen, 2))
    async with running_engine(postgres_dsn, redis_dsn) as second:
        with in_front_of(proxy, second):
            await second.start_worker()
            await asyncio.wait_for(watching, 30)
    for received in seen:
        for order in orders:
            assert [seq for one, seq in received if one == order] == [1, 2, 3, 4, 5]


async def _both_have(seen: list[list[tuple[str, int]]], events: int) -> bool:
    return all(len(received) >= events for received in seen)


async def test_a_lost_answer_places_one_order(engine: Engine, proxy: Proxy) -> None:
    with in_front_of(proxy, engine) as url:
        async with AsyncClient(url) as client:
            proxy.cut_before_answer_to(lambda chunk: b"POST /api/orders/execute" in chunk)
            placed = await client.place(SELL)
            assert placed.idempotent
            assert [order.order_id async for order in client.orders()] == [placed.order_id]


async def test_an_amendment_whose_answer_is_lost_is_not_sent_again(engine: Engine, proxy: Proxy) -> None:
    """A second one would be refused, because the order has changed: by the first."""
    with in_front_of(proxy, engine) as url:
        async with AsyncClient(url) as client:
            order = await client.order((await client.place(FAR)).order_id)
            proxy.cut_before_answer_to(lambda chunk: b"PATCH /api/orders/" in chunk)
            with pytest.raises(Unreachable):
                await client.amend(order, limit_price="99999")
            assert (await client.order(order.order_id)).limit_price == 99999


async def test_patience_ends_with_the_key_to_repeat_the_order_with(engine: Engine, proxy: Proxy) -> None:
    with in_front_of(proxy, engine) as url:
        async with AsyncClient(url, patience=0.3) as client:
            order_id = (await client.place(SELL)).order_id
            async with aclosing(client.watch(order_id)) as events:
                assert (await anext(events)).seq == 1
                proxy.set(LinkState.DOWN)
                with pytest.raises(Unreachable, match="stream"):
                    await anext(events)
            with pytest.raises(Unreachable) as caught:
                await client.place(SELL, key="mine")
            assert caught.value.idempotency_key == "mine"


async def test_a_bracket_is_placed_listed_amended_and_cancelled(engine: Engine) -> None:
    async with AsyncClient(engine.base_url) as client:
        entry = Limit("USDC", "SOL", Decimal("142"), limit_price=Decimal("0.00704"))
        bracket = Bracket(entry=entry, take_profit=Exit("180"), stop_loss=Exit("120", limit_price="115"))
        placed = await client.place_group(bracket, key="one")
        assert (await client.place_group(bracket, key="one")).idempotent
        ids = [order.order_id for order in placed.orders]
        assert {order.order_id async for order in client.open()} == set(ids)
        assert {order.order_id for order in (await client.group(placed.group_id)).orders} == set(ids)
        first = await client.order(ids[0])
        assert [first.amount, first.limit_price] == [Decimal(142), Decimal("0.00704")]
        amended = await client.amend(first, limit_price="0.00703")
        assert (amended.limit_price, amended.seq) == (Decimal("0.00703"), 2)
        with pytest.raises(Conflict) as caught:
            await client.amend(first, limit_price="0.00702")
        assert (caught.value.code, caught.value.status) == ("order_changed", 412)
        assert await client.cancel_all(group_id=placed.group_id) == 3
        assert [event.status async for event in client.watch(ids[1])] == ["open", "cancelled"]
        assert [event async for event in client.watch(ids[1], after={ids[1]: 2})] == []


async def test_a_refusal_has_the_code_of_the_problem(engine: Engine) -> None:
    async with AsyncClient(engine.base_url) as client:
        with pytest.raises(InvalidRequest, match=r"/amount .* must be") as invalid:
            await client.place(Market("SOL", "USDC", "-1"))
        assert (invalid.value.code, invalid.value.retryable) == ("invalid_order", False)
        order_id = str(uuid4())
        for asked in (client.order(order_id), anext(client.watch(order_id))):
            with pytest.raises(NotFound) as unknown:
                await asked
            assert unknown.value.code == "unknown_order"


async def test_with_an_api_key_orders_are_placed_and_watched(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust_test_servers(monkeypatch)
    key = await new_key(postgres_dsn, "a")
    async with running_engine(postgres_dsn, redis_dsn, **PRODUCTION) as engine:
        async with AsyncClient(engine.base_url, key) as client:
            order_id = (await client.place(FAR)).order_id
            await client.cancel(order_id)
            assert [event.status async for event in client.watch(order_id)] == ["open", "cancelled"]
        async with AsyncClient(engine.base_url, "wrong") as client:
            for asked in (client.order(order_id), anext(client.watch(order_id))):
                with pytest.raises(NotAllowed):
                    await asked
