"""`engine prune` deletes what ended long ago, and nothing that anybody may still need."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.maintenance import prune
from app.maintenance.prune import Pruned
from app.settings import SettingsError
from tests.engine import SELL_SOL, Engine

pytestmark = pytest.mark.usefixtures("primed_queue")

ORDER = """
WITH placed AS (
    INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, fingerprint, request_id, status,
                        seq, ready_at, look_at, created_at, updated_at, tx_hash, amount_out, idempotency_key,
                        acknowledged_at, parent_id, group_id)
    VALUES ($1, 'local', 'market', 'SOL', 'USDC', 1, 50, '\\x00', 'test', $2, 2, now(), now(),
            now() - $3 * interval '1 day', now() - $4 * interval '1 day', 't', 1, $5, $6, $7, $8)
    RETURNING id
)
INSERT INTO order_events (order_id, seq, status, attempt, at) SELECT id, n, 'pending', 0, now()
  FROM placed, generate_series(1, 2) n
"""
LEFT = """
SELECT o.id, count(e.seq) AS events FROM orders o LEFT JOIN order_events e ON e.order_id = o.id GROUP BY o.id
"""

# The orders that were never claimed; and how many steps began.
SLOW = """
CREATE SEQUENCE steps;
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF OLD IS NULL THEN PERFORM nextval('steps'); ELSIF OLD.claims = 0 THEN PERFORM pg_sleep(0.04); END IF;
    RETURN OLD; END $$;
CREATE TRIGGER slow BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION slow();
CREATE TRIGGER counted BEFORE DELETE ON orders FOR EACH STATEMENT EXECUTE FUNCTION slow();
"""
FAST = "DROP FUNCTION slow CASCADE; DROP SEQUENCE steps"


@pytest.fixture
async def connection(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncpg.Connection]:
    monkeypatch.setattr(prune, "KEPT_FILLS", 0)
    opened = await asyncpg.connect(postgres_dsn)
    yield opened
    await opened.close()


class Book:
    """Orders by their names, each placed so many days ago."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.ids: dict[str, UUID] = {}

    async def add(
        self, name: str, status: str = "confirmed", *, days: float = 100, ended: float = 99, **of: Any
    ) -> UUID:
        """`slice_of`: its id does not begin with the time."""
        now = await self.connection.fetchval("SELECT extract(epoch FROM now())::float8")
        prefix = 0xF0 << 40 if "slice_of" in of else int((now - days * 86_400) * 1000)
        self.ids[name] = UUID(int=prefix << 80 | 7 << 76 | 1 << 63 | len(self.ids))
        acknowledged = await self.connection.fetchval("SELECT now()") if of.get("acknowledged") else None
        values = (of.get("key"), acknowledged, of.get("slice_of"), of.get("group"))
        await self.connection.execute(ORDER, self.ids[name], status, days, ended, *values)
        return self.ids[name]

    async def group(self, number: int, key: str | None = None) -> UUID:
        sql = (
            "INSERT INTO order_groups (id, owner, type, idempotency_key, fingerprint, created_at) VALUES ($1, 'local',"
        )
        await self.connection.execute(f"{sql} 'oco', $2, '\\x00', now())", UUID(int=number), key)
        return UUID(int=number)

    async def left(self) -> dict[str, int]:
        """The number of events of each order that is there."""
        found = {row["id"]: row["events"] for row in await self.connection.fetch(LEFT)}
        return {name: found[order] for name, order in self.ids.items() if order in found}


@pytest.fixture
def book(connection: asyncpg.Connection) -> Book:
    return Book(connection)


async def pruned(dsn: str, *, dry_run: bool = False) -> Pruned:
    counts = Pruned()
    await prune.prune(dsn, 90, counts, dry_run=dry_run)
    return counts


async def test_orders_that_ended_long_ago_go_with_their_events_and_all_others_stay(
    book: Book, postgres_dsn: str
) -> None:
    for status in ("confirmed", "cancelled", "expired", "completed"):
        await book.add(status, status)
    await book.add("acknowledged", "failed", acknowledged=True)
    await book.add("failed", "failed")
    await book.add("open", "open")
    await book.add("ended lately", ended=89)
    await book.add("young", days=89, ended=88)
    before = await book.left()
    counted = await pruned(postgres_dsn, dry_run=True)
    assert await book.left() == before
    assert await pruned(postgres_dsn) == counted == Pruned(orders=5, events=10, dead_letters=1)
    assert await book.left() == {"failed": 2, "open": 2, "ended lately": 2, "young": 2}
    assert await pruned(postgres_dsn) == Pruned(dead_letters=1)
    entries = await book.connection.fetch("SELECT outcome, details::text FROM audit_log WHERE action = 'prune'")
    assert [row["outcome"] for row in entries] == ["begun", "done", "begun", "done"]
    assert '"orders":5' in entries[1]["details"]


async def test_slices_go_with_their_order_and_legs_when_all_of_their_group_have_ended(
    book: Book, postgres_dsn: str
) -> None:
    goes = await book.add("plan", "completed")
    stays = await book.add("open plan", "open")
    recent = await book.add("plan of a young slice", "completed")
    await book.add("slice", slice_of=goes)
    await book.add("slice of open", slice_of=stays)
    await book.add("young slice", slice_of=recent, ended=1)
    await book.add("leg", group=(one := await book.group(1)))
    await book.add("sibling", "cancelled", group=one)
    await book.add("ended leg", group=(two := await book.group(2)))
    await book.add("open leg", "open", group=two)
    assert (await pruned(postgres_dsn)).orders == 4
    kept = {"open plan", "plan of a young slice", "slice of open", "young slice", "ended leg", "open leg"}
    assert await book.left() == dict.fromkeys(kept, 2)
    assert [row["id"] for row in await book.connection.fetch("SELECT id FROM order_groups")] == [two]


async def test_an_idempotency_key_never_makes_a_second_order(engine: Engine, book: Book, postgres_dsn: str) -> None:
    placed = await engine.place(key="mine")
    old = await book.add("keyed", key="other")
    await book.add("leg", group=(group := await book.group(1, "of the group")))
    await book.connection.execute(
        "UPDATE orders SET idempotency_key = 'mine', fingerprint = (SELECT fingerprint FROM orders WHERE id = $2),"
        " usd_value = 1 WHERE id = $1",
        old,
        await book.connection.fetchval(
            "UPDATE orders SET idempotency_key = NULL WHERE id = $1 RETURNING id", placed["orderId"]
        ),
    )
    assert (await pruned(postgres_dsn)).events == 4
    assert await book.left() == {"keyed": 0, "leg": 0}
    assert await book.connection.fetchval("SELECT id FROM order_groups") == group
    again = await engine.http.post("/api/orders/execute", json=SELL_SOL, headers={"Idempotency-Key": "mine"})
    assert (again.status_code, again.json()["orderId"], again.json()["idempotent"]) == (200, str(old), True)
    assert (await engine.order(str(old)))["status"] == "confirmed"
    stream = await engine.read_stream(str(old))
    assert (stream.statuses, stream.code) == ([], 1000)


async def test_an_interrupted_run_keeps_what_it_did_and_the_next_one_does_the_rest(
    book: Book, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "STEP", 2)
    for n in range(7):
        await book.add(f"order {n}")
    pause, counts = asyncio.Event(), Pruned()

    async def sleep(_: float) -> None:
        pause.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr("app.maintenance.prune.asyncio.sleep", sleep)
        run = asyncio.create_task(prune.prune(postgres_dsn, 90, counts))
        await pause.wait()
        with pytest.raises(SettingsError, match="another `engine prune` runs"):
            await pruned(postgres_dsn)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
    assert counts.orders == 2
    assert len(await book.left()) == 5
    assert (await pruned(postgres_dsn)).orders == 5


async def test_steps_that_take_too_long_become_smaller_and_larger_again(
    book: Book, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 orders may have half a million slices. After three stalls of a disk each order was a step of its own."""
    monkeypatch.setattr(prune, "STEP", 100)
    monkeypatch.setattr(prune, "STEP_TIMEOUT", "400ms")
    for n in range(100):
        await book.add(f"order {n}")
    slow = "SELECT id FROM orders ORDER BY id LIMIT 12"
    await book.connection.execute(f"UPDATE orders SET claims = 1 WHERE id NOT IN ({slow}); {SLOW}")
    try:
        assert (await pruned(postgres_dsn)).orders == 100
        assert await book.connection.fetchval("SELECT nextval('steps')") < 30
    finally:
        await book.connection.execute(FAST)


async def test_what_somebody_has_locked_is_said_so_and_goes_with_the_next_run(
    book: Book, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "STEP", 1)
    monkeypatch.setattr(prune, "LOCKED_MS", 50)
    order = [await book.add(f"order {n}") for n in range(3)][1]
    counts = Pruned()
    async with book.connection.transaction():
        await book.connection.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", order)
        with pytest.raises(SettingsError, match="another session has locked"):
            await prune.prune(postgres_dsn, 90, counts)
    assert counts.orders == 1
    assert (await pruned(postgres_dsn)).orders == 2


async def test_the_newest_fills_stay_whatever_their_age(
    book: Book, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker takes the swap of an order that is not there for one that the database has lost."""
    monkeypatch.setattr(prune, "KEPT_FILLS", 2)
    for n in range(4):
        await book.add(f"fill {n}", ended=99 - n / 10)
    await book.add("cancelled", "cancelled")
    await book.add("of this week", ended=6)
    assert await pruned(postgres_dsn) == Pruned(orders=3, events=6)
    assert set(await book.left()) == {"fill 2", "fill 3", "of this week"}


async def test_fills_of_the_last_days_stay(book: Book, postgres_dsn: str) -> None:
    """While the engine reconciles, all swaps of a week are compared with them."""
    for days in (10, 8, 2):
        await book.add(f"fill of {days} days ago", days=days, ended=days)
        await book.add(f"cancelled {days} days ago", "cancelled", days=days, ended=days)
    await prune.prune(postgres_dsn, 1, Pruned())
    assert set(await book.left()) == {"fill of 8 days ago", "fill of 2 days ago"}


async def test_volumes_of_past_days_go_and_todays_stays(connection: asyncpg.Connection, postgres_dsn: str) -> None:
    await connection.execute(
        "INSERT INTO daily_volumes SELECT 'a', (now() AT TIME ZONE 'UTC')::date - n, gen_random_uuid(), 1"
        "  FROM generate_series(0, 1000) n"
    )
    await connection.execute(
        "INSERT INTO signed_swaps SELECT n::text, 'chain', (now() AT TIME ZONE 'UTC')::date - n, 'a', 1, 1"
        "  FROM generate_series(0, 1000) n"
    )
    for dry_run in (True, False):
        gone = await pruned(postgres_dsn, dry_run=dry_run)
        assert (gone.daily_volumes, gone.signed_swaps) == (993, 993)
    assert await connection.fetchval("SELECT count(*) FROM signed_swaps") == 8
    assert await connection.fetchval("SELECT min(day) = (now() AT TIME ZONE 'UTC')::date - 7 FROM daily_volumes")
