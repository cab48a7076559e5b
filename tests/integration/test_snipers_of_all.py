"""Snipers of one owner are looked at a page at a time, and those of a token are listed and cancelled together."""

from functools import partial
from uuid import UUID

import pytest

from app.watcher.main import watcher
from app.watcher.snipers import Snipers
from tests.engine import Engine, eventually
from tests.integration.test_launches import launch
from tests.integration.test_snipers import MINT, TRIGGER, has_status, place

pytestmark = pytest.mark.usefixtures("primed_queue")


@pytest.fixture
async def orders(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three, of which the first two fill a page."""
    monkeypatch.setattr("app.watcher.snipers.MAX_QUOTES", 2)
    placed = [await place(engine, clientOrderId=str(n)) for n in range(3)]
    first = [UUID(order) for order in placed[:2]]
    await engine.postgres.execute("UPDATE triggers SET level = level - 1 WHERE order_id = ANY($1)", first)
    return placed


async def test_one_that_pays_with_a_token_that_is_no_longer_traded_stops_no_other_one(
    engine: Engine, orders: list[str]
) -> None:
    first = [UUID(order) for order in orders[:2]]
    await engine.postgres.execute("UPDATE orders SET token_in = 'GONE' WHERE id = ANY($1)", first)
    async with watcher(engine.settings):
        await launch(engine)
        await eventually(partial(has_status, engine, orders[2], "pending"), within=20)


async def test_those_that_somebody_has_locked_are_looked_at_again_after_a_pause(
    engine: Engine, orders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, look = list[bool](), Snipers.round

    async def noted(snipers: Snipers) -> bool:
        answers.append(await look(snipers))
        return answers[-1]

    async def owners_had_their_turn() -> bool:
        return True in answers[:-1]

    monkeypatch.setattr(Snipers, "round", noted)
    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM triggers WHERE order_id = ANY($1) FOR UPDATE", list(map(UUID, orders)))
        async with watcher(engine.settings):
            await launch(engine)
            await eventually(owners_had_their_turn)
    first = answers.index(True)
    assert answers[first : first + 2] == [True, False]


@pytest.mark.parametrize("name", [MINT, "WIF"])
async def test_one_that_waits_on_after_a_launch_is_chosen_by_its_token(engine: Engine, name: str) -> None:
    elsewhere = await place(engine, trigger=TRIGGER | {"venue": "meteora"})
    assert (await launch(engine)).json()["venue"] == "raydium"
    listed = (await engine.http.get("/api/orders", params={"tokenOut": name})).json()["orders"]
    assert [one["orderId"] for one in listed] == [elsewhere]
    assert (await engine.http.post("/api/orders/cancel-all", json={"tokenOut": name})).json() == {"cancelled": 1}
