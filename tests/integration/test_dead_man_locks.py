"""Dead man's switches whose orders somebody has locked: they wait, and hold up no other one."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from uuid import UUID

import pytest

from app.orders.waiting import dead_men
from app.orders.waiting.dead_men import DeadMen, Fired
from app.postgres.errors import DatabaseUnavailable
from app.postgres.pools import open_postgres
from tests.engine import Engine
from tests.integration.test_dead_man import OVERDUE, fire
from tests.waiting import place_open

pytestmark = pytest.mark.usefixtures("primed_queue")


def ended(fired: list[Fired]) -> list[tuple[str, list[UUID]]]:
    return [(one.owner, [moved.event.order_id for moved in one.orders]) for one in fired]


async def two_silent_owners(engine: Engine) -> list[UUID]:
    """Two orders of Alice, who has been silent for longer, and one of Bob."""
    for owner, seconds in (("alice", 2), ("bob", 1)):
        await engine.postgres.execute(OVERDUE, owner, seconds)
    return [
        *await place_open(engine.postgres, ["140"] * 2, owner="alice"),
        *await place_open(engine.postgres, ["140"], owner="bob"),
    ]


@pytest.mark.parametrize(("table", "key"), [("orders", "id"), ("triggers", "order_id")])
async def test_an_order_that_somebody_has_locked_stops_no_other_one(engine: Engine, table: str, key: str) -> None:
    locked, own, other = await two_silent_owners(engine)
    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute(f"SELECT FROM {table} WHERE {key} = $1 FOR UPDATE", locked)
        fired = await asyncio.wait_for(fire(engine), 5)
    assert ended(fired) == [("alice", [own]), ("bob", [other])]
    assert ended(await fire(engine)) == [("alice", [locked])]
    state = await engine.postgres.fetchrow("SELECT cancels_at, cancelled FROM dead_men WHERE owner = 'alice'")
    assert tuple(state or ()) == (None, 2)


async def test_an_owner_whose_orders_take_too_long_stops_no_other_switch(engine: Engine) -> None:
    *_, other = await two_silent_owners(engine)
    await engine.postgres.execute(
        "CREATE FUNCTION too_long() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE 'too long' USING ERRCODE = 'lock_not_available'; END$$"
    )
    await engine.postgres.execute(
        "CREATE TRIGGER too_long BEFORE UPDATE ON orders FOR EACH ROW WHEN (old.owner = 'alice')"
        " EXECUTE FUNCTION too_long()"
    )
    postgres = await open_postgres(engine.settings.postgres_dsn or "", size=10)
    store = DeadMen(postgres.writing)
    assert ended([one for one in [await store.fire()] if one]) == [("bob", [other])]
    with pytest.raises(DatabaseUnavailable):
        await store.fire()
    await postgres.close()


async def test_an_owner_whose_orders_are_locked_is_asked_for_once_in_a_round(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, own, other = await two_silent_owners(engine)
    await engine.postgres.execute(OVERDUE, "carol", 0)
    asked = list[str]()
    attempt = DeadMen._fire

    async def count(self: DeadMen, limit: int, owners: Sequence[str]) -> list[Fired]:
        asked.extend(owners)
        return await attempt(self, limit, owners)

    monkeypatch.setattr(DeadMen, "_fire", count)
    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM orders WHERE id = ANY($1) FOR UPDATE", [locked, own])
        assert ended(await fire(engine)) == [("bob", [other]), ("carol", [])]
    assert asked == ["alice", "bob", "carol"]


async def test_an_owner_whose_orders_were_locked_is_asked_again_after_a_second_though_others_are_due(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, own, other = await two_silent_owners(engine)
    for owner in ("carol", "dave"):
        await engine.postgres.execute(OVERDUE, owner, 0)
    seconds, store = 1_000.0, DeadMen(engine.postgres)
    monkeypatch.setattr(dead_men, "time", SimpleNamespace(monotonic=lambda: seconds))

    async def fired() -> tuple[str, set[UUID]]:
        one = await store.fire()
        assert one
        return one.owner, {moved.event.order_id for moved in one.orders}

    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM orders WHERE id = ANY($1) FOR UPDATE", [locked, own])
        assert await fired() == ("bob", {other})
    seconds += 0.5
    assert await fired() == ("carol", set())
    seconds += 0.6
    assert await fired() == ("alice", {locked, own})
    assert await fired() == ("dave", set())
