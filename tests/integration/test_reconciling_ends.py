"""Reconciling ends: an order that cannot be confirmed does not hold it up, and it lasts no longer than it must."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.dex.chain import FoundSwap
from app.dex.errors import DexError
from app.mockchain.ledger import MockChain
from app.orders.reconciling.state import ReconcilingState, begin
from app.orders.store.reads import OrderReader
from app.orders.waiting.plans import PlanStore
from app.postgres.errors import DatabaseUnavailable
from tests.dump import dump, restore
from tests.engine import SELL_SOL, Engine, eventually, running_engine
from tests.integration.test_reconciling import confirmed, done, executed, fills, is_reconciling, lost_swaps
from tests.integration.test_reconciling_waiting import land, land_tagged
from tests.integration.test_slices import DCA, make
from worker import comparison, reconciler


@pytest.fixture
async def engine(postgres_dsn: str, redis_dsn: str, primed_queue: None) -> AsyncIterator[Engine]:
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=5) as started:
        yield started


async def test_an_order_that_cannot_be_confirmed_holds_up_no_other_one_and_is_not_filled_again(
    engine: Engine, postgres_dsn: str
) -> None:
    good, bad = [(await engine.place())["orderId"] for _ in range(2)]
    before = await dump(postgres_dsn)
    await executed(engine, await engine.start_worker(), good, bad)
    await restore(postgres_dsn, before)
    # Its token is not traded any more, so nobody knows its decimals.
    await engine.postgres.execute("UPDATE orders SET token_in = 'GONE', owner = 'ann' WHERE id = $1", UUID(bad))
    await engine.postgres.execute("UPDATE chain.transactions SET token_in = NULL WHERE memo = $1", bad)
    of_another = (await engine.place())["orderId"]
    await engine.start_worker()
    await eventually(lambda: confirmed(engine, good, of_another))
    assert await done(engine)
    assert (await engine.postgres.fetchval("SELECT status FROM orders WHERE id = $1", UUID(bad))) == "pending"
    assert {one: len(found) for one, found in (await fills(engine)).items()} == {good: 1, bad: 1, of_another: 1}
    [halted] = await engine.postgres.fetch("SELECT scope, reason FROM trading_states WHERE state = 'halted'")
    assert (halted["scope"], halted["reason"]) == ("ann", reconciler.CANNOT_CONFIRM)
    assert [(one["order_id"], one["status"]) for one in await lost_swaps(engine)] == [(bad, "pending")]


async def test_operators_see_what_its_end_waits_for(engine: Engine) -> None:
    await begin(engine.postgres, "a test")
    assert (await engine.http.get("/api/reconciliation")).json()["waitsFor"] is None

    async def shown() -> Any:
        return (await engine.http.get("/health/ready")).json()["reconciling"]

    assert await eventually(shown) == "a worker that asks the chain"
    await engine.start_worker()

    async def waits_for_height() -> bool:
        return str(await shown()).startswith("height ")

    await eventually(waits_for_height)
    assert (await engine.http.get("/api/reconciliation")).json()["waitsFor"].startswith("height ")
    assert (await engine.http.get("/health/ready")).json()["ready"]

    async def ended() -> bool:
        return await shown() is None

    await eventually(ended)


async def test_no_operator_is_told_to_start_a_worker_while_one_asks_the_chain(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a long history, or slow nodes, its first look takes minutes."""

    async def look(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(comparison.Comparison, "look", look)
    await begin(engine.postgres, "a test")
    await engine.start_worker()

    async def is_told() -> bool:
        return bool((await engine.http.get("/health/ready")).json()["reconciling"] == reconciler.ASKED)

    await eventually(is_told)


async def test_a_look_that_could_not_write_is_not_made_again_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full disk the whole history was read from the nodes again and again, without a pause."""
    looks, turns, take_turn = list[None](), list[None](), ReconcilingState.take_turn

    async def look(*_: Any) -> Any:
        looks.append(None)
        raise DatabaseUnavailable

    async def counted(state: ReconcilingState, worker: str) -> Any:
        turns.append(None)
        return await take_turn(state, worker)

    async def has_gone_on() -> bool:
        return len(turns) > 5

    monkeypatch.setattr(comparison.Comparison, "look", look)
    monkeypatch.setattr(ReconcilingState, "take_turn", counted)
    monkeypatch.setattr(reconciler, "UNANSWERED_SECONDS", 1_000)
    monkeypatch.setattr(reconciler, "ROUND_SECONDS", 0.01)
    await begin(engine.postgres, "a test")
    await engine.start_worker()
    await eventually(has_gone_on)
    assert len(looks) <= 2  # the second one is the last, once no swap can land any more


async def test_the_last_look_waits_for_no_rest(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "REST_FACTOR", 1_000_000)
    await begin(engine.postgres, "a test")
    await engine.start_worker()
    await eventually(lambda: done(engine))


async def test_a_worker_that_starts_meanwhile_makes_it_no_longer(engine: Engine, postgres_dsn: str) -> None:
    before = await dump(postgres_dsn)
    order = (await engine.place())["orderId"]
    await executed(engine, await engine.start_worker(), order)
    await restore(postgres_dsn, before)
    await begin(engine.postgres, "a test")
    began = "SELECT set_at FROM trading_states"
    first = await engine.postgres.fetchval(began)
    await engine.start_worker()  # its first look finds a swap that the database does not know
    assert await engine.postgres.fetchval(began) == first
    assert await is_reconciling(engine)


async def test_one_worker_at_a_time_asks_the_chain(engine: Engine) -> None:
    state = ReconcilingState(engine.postgres)
    assert await state.take_turn("a") is None
    await begin(engine.postgres, "a test")
    assert await state.take_turn("a")
    assert await state.take_turn("b") is None
    assert await state.take_turn("a")
    await engine.postgres.execute("UPDATE reconciliation SET worker_until = clock_timestamp() - interval '1 ms'")
    assert await state.take_turn("b")
    assert await state.take_turn("a") is None


async def test_after_a_look_that_broke_off_older_swaps_are_found_still(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        await land(engine, str(uuid4()))
    newest, asked = MockChain.newest, list[str]()

    async def once_unavailable(chain: MockChain, limit: int, **places: Any) -> list[FoundSwap]:
        if before := places.get("before"):
            asked.append(before)
            if len(asked) == 1:
                raise DexError("rpc_timeout", "")
        return await newest(chain, limit, **places)

    monkeypatch.setattr(MockChain, "newest", once_unavailable)
    monkeypatch.setattr(comparison, "PAGE", 2)
    await engine.start_worker()
    await eventually(lambda: done(engine))
    assert len(await lost_swaps(engine)) == 4


async def test_a_worker_that_was_frozen_halts_nobody_once_another_one_has_ended_it(engine: Engine) -> None:
    state, halted = ReconcilingState(engine.postgres), "SELECT state FROM trading_states WHERE scope = 'ann'"
    await begin(engine.postgres, "a test")
    before = await state.read()
    await begin(engine.postgres, "another")
    now = await state.read()
    assert before
    assert now
    assert not await state.end(before, {}, halt=["ann"], why="stuck")
    assert await engine.postgres.fetchval(halted) is None
    assert await state.end(now, {}, halt=["ann"], why="stuck")
    assert await engine.postgres.fetchval(halted) == "halted"
    entries = await engine.postgres.fetch("SELECT action, details->>'scope' AS scope FROM audit_log ORDER BY id")
    assert [(one["action"], one["scope"]) for one in entries[-2:]] == [
        ("reconciling.end", None),
        ("kill_switch.set", "ann"),
    ]


async def test_no_stranger_is_told_for_which_swap_it_waits(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    placed = (await engine.place())["orderId"]
    order = await OrderReader(engine.postgres).order(UUID(placed), None)

    async def look(*_: Any) -> Any:
        return {"the signature": order}, None

    monkeypatch.setattr(comparison.Comparison, "look", look)
    await begin(engine.postgres, "a test")
    await engine.start_worker()

    async def on_their_way() -> Any:
        shown = (await engine.http.get("/health")).json()["reconciling"]
        return shown if shown and "way" in shown else None

    assert await eventually(on_their_way) == "1 swaps on their way"
    [line] = [one for one in caplog.records if one.getMessage() == "reconciling waits for 1 swaps on their way"]
    assert (vars(line)["signature"], vars(line)["order"]) == ("the signature", placed)
    monkeypatch.setattr(reconciler, "PATIENCE_SECONDS", 0.0)
    await eventually(lambda: done(engine))
    assert await engine.postgres.fetchval("SELECT state FROM trading_states WHERE scope = 'local'") == "halted"


@pytest.mark.parametrize("lost", ["agreement", "amount"])
async def test_a_swap_that_too_few_nodes_tell_fills_nothing_and_is_not_made_again(
    engine: Engine, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Nor one that landed and brought nobody knows what, as one of three nodes may say."""
    good, doubtful = [(await engine.place())["orderId"] for _ in range(2)]
    before = await dump(postgres_dsn)
    forgotten = (await engine.place(key="one"))["orderId"]
    await executed(engine, await engine.start_worker(), good, doubtful, forgotten)
    await restore(postgres_dsn, before)
    await engine.postgres.execute("UPDATE orders SET owner = 'ann' WHERE id = $1", UUID(doubtful))
    find, newest = MockChain.find, MockChain.newest

    def doubted(found: list[FoundSwap]) -> list[FoundSwap]:
        return [swap if swap.about == good else doubtful_one(swap) for swap in found]

    def doubtful_one(swap: FoundSwap) -> FoundSwap:
        if lost == "agreement" or swap.outcome is None:
            return replace(swap, agreed=False)
        return replace(swap, outcome=replace(swap.outcome, amount_out=None))

    async def found(chain: MockChain, about: Sequence[str], *, since: float = 0.0) -> tuple[int, list[FoundSwap]]:
        height, swaps = await find(chain, about, since=since)
        return height, doubted(swaps)

    async def newest_ones(chain: MockChain, limit: int, **places: Any) -> list[FoundSwap]:
        return doubted(await newest(chain, limit, **places))

    monkeypatch.setattr(MockChain, "find", found)
    monkeypatch.setattr(MockChain, "newest", newest_ones)
    monkeypatch.setattr(reconciler, "PATIENCE_SECONDS", 0)
    await engine.start_worker()
    await eventually(lambda: confirmed(engine, good))
    await eventually(lambda: done(engine))
    assert (await engine.postgres.fetchval("SELECT status FROM orders WHERE id = $1", UUID(doubtful))) == "pending"
    again = await engine.http.post("/api/orders/execute", json=SELL_SOL, headers={"Idempotency-Key": "one"})
    assert again.json()["code"] == "key_reused"
    assert {one: len(found) for one, found in (await fills(engine)).items()} == {forgotten: 1, good: 1, doubtful: 1}
    assert await engine.postgres.fetchval("SELECT scope FROM trading_states WHERE state = 'halted'") == "ann"


async def test_a_swap_that_enough_nodes_tell_later_is_the_answer_to_its_key(
    engine: Engine, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node may be a second behind. The client would be told to use another key, and the order be filled twice."""
    before = await dump(postgres_dsn)
    order = (await engine.place(key="one"))["orderId"]
    await executed(engine, await engine.start_worker(), order)
    await restore(postgres_dsn, before)
    newest, asked = MockChain.newest, itertools.count()

    async def newest_ones(chain: MockChain, limit: int, **places: Any) -> list[FoundSwap]:
        is_first = next(asked) < 3  # the worker compares, and looks at its two first pages
        return [replace(swap, agreed=not is_first) for swap in await newest(chain, limit, **places)]

    monkeypatch.setattr(MockChain, "newest", newest_ones)
    await engine.start_worker()
    await eventually(lambda: done(engine))
    again = await engine.place(key="one")
    assert (again["orderId"], again["status"]) == (order, "confirmed")
    assert len((await fills(engine))[order]) == 1


@pytest.mark.parametrize(
    ("body", "is_found"),
    [
        pytest.param(SELL_SOL, True, id="market, after the swap is found"),
        pytest.param(DCA, False, id="dca, before it"),
        pytest.param(SELL_SOL, False, id="market, before it", marks=pytest.mark.slow),
        pytest.param(DCA, True, id="dca, after it", marks=pytest.mark.slow),
    ],
)
async def test_a_swap_that_brought_nobody_knows_what_is_not_made_again_for_its_key(
    engine: Engine, postgres_dsn: str, body: dict[str, Any], is_found: bool
) -> None:
    before = await dump(postgres_dsn)
    await engine.place(key="one", **body)
    await make(store := PlanStore(engine.postgres, max_age=10.0))
    await land_tagged(engine, str(await engine.postgres.fetchval("SELECT id FROM orders WHERE status = 'pending'")))
    await engine.postgres.execute("UPDATE chain.transactions SET token_in = NULL, token_out = NULL, amount_in = NULL")
    await restore(postgres_dsn, before)
    if is_found:
        await engine.start_worker()
        await eventually(lambda: done(engine))
    answer = await engine.http.post("/api/orders/execute", json=body, headers={"Idempotency-Key": "one"})
    assert answer.json().get("code") == ("key_reused" if is_found else None)
    if not is_found:
        await engine.start_worker()
        await eventually(lambda: done(engine))
        assert await engine.postgres.fetchval("SELECT scope FROM trading_states WHERE state = 'halted'") == "local"
        assert await store.due() == []
    assert len(await lost_swaps(engine)) == 1
    assert await engine.postgres.fetchval("SELECT count(*) FROM chain.transactions") == 1
