"""The simulated chain on a real database: its ledger, its clock, its failures."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest

from app.dex.chain import BLOCKHASH_LIFE, Blockhash, Outcome, SignedSwap, verdict
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap
from app.mockchain import statements
from app.mockchain.ledger import MockChain
from app.mockchain.transaction import SimulatedSigner, sign
from tests.fakes import in_a_while


class Counter:
    """A venue that fills at a price which depends on the slot alone."""

    name = "raydium"

    def fill(self, swap: BuiltSwap, slot: int) -> int:
        if slot < swap.min_amount_out:
            raise DexError("slippage_exceeded", "below the minimum")
        return slot


SWAP = BuiltSwap("raydium", ("pool",), ("SOL", "USDC"), 10**9, 1, wrap_sol=True, unwrap_sol=False)


def chain_on(dsn: str, **conditions: Any) -> Any:
    given: dict[str, Any] = {
        "block_ms": 400,
        "execution_ms_min": 0,
        "execution_ms_max": 0,
        "venues": [Counter()],
    } | conditions
    return MockChain.open(dsn, **given)


@pytest.fixture
async def chain(postgres_dsn: str) -> AsyncIterator[MockChain]:
    opened = await chain_on(postgres_dsn)
    yield opened
    await opened.close()


@pytest.fixture
async def ledger(postgres_dsn: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


async def signed(blockhash: Blockhash, *, memo: str = "order", swap: BuiltSwap = SWAP) -> SignedSwap:
    return await sign(swap, SimulatedSigner(), memo=memo, attempt=1, blockhash=blockhash)


async def rows(ledger: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in await ledger.fetch("SELECT * FROM chain.transactions ORDER BY sent_at")]


async def test_a_swap_lands_with_the_amount_its_venue_gives_at_the_landing_slot(chain: MockChain, ledger: Any) -> None:
    swap = await signed(await chain.blockhash())
    await chain.send(swap, not_after=in_a_while())
    outcome = (await chain.ask(swap.signature)).outcome
    assert outcome is not None
    assert outcome == Outcome("landed", outcome.slot, amount_out=outcome.slot)
    [row] = await rows(ledger)
    assert (row["memo"], row["status"], row["slot"]) == ("order", "landed", outcome.slot)
    assert int(row["landed_at"].timestamp() * 1000) // 400 == outcome.slot


async def test_the_slot_is_the_databases_clock(chain: MockChain, ledger: Any) -> None:
    before = await ledger.fetchval("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000 / 400)::bigint")
    blockhash = await chain.blockhash()
    after = await ledger.fetchval("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000 / 400)::bigint")
    assert before <= blockhash.slot <= after
    assert blockhash.last_valid_height == blockhash.slot + BLOCKHASH_LIFE


async def test_the_clock_is_read_once_a_block(postgres_dsn: str) -> None:
    chain = await chain_on(postgres_dsn, block_ms=60_000)
    await chain.blockhash()
    with patch.object(statements, "CLOCK", "SELECT 1/0"):
        await chain.send(await signed(await chain.blockhash()), not_after=in_a_while())
        chain._read_at -= 60
        with pytest.raises(DexError, match="rpc_timeout"):
            await chain.blockhash()
    await chain.close()


async def test_a_swap_lands_at_its_time_even_if_every_process_has_died(postgres_dsn: str, ledger: Any) -> None:
    chain = await chain_on(postgres_dsn, execution_ms_min=2_000, execution_ms_max=3_000)
    swap = await signed(await chain.blockhash())
    await chain.send(swap, not_after=in_a_while())
    snapshot = await chain.ask(swap.signature)
    assert verdict(snapshot, swap.last_valid_height) == "unknown"
    await chain.close()

    [row] = await rows(ledger)
    took = (row["landed_at"] - row["sent_at"]).total_seconds()
    assert 1.9 <= took <= 3.0
    await ledger.execute("UPDATE chain.transactions SET landed_at = clock_timestamp()")
    other = await chain_on(postgres_dsn)
    assert verdict(await other.ask(swap.signature), swap.last_valid_height) == "landed"
    await other.close()


async def test_after_the_clock_was_set_back_swaps_do_not_wait_until_it_has_caught_up(
    chain: MockChain, ledger: Any
) -> None:
    before = await signed(await chain.blockhash(), memo="before")
    await chain.send(before, not_after=in_a_while())
    await ledger.execute(
        "UPDATE chain.transactions SET sent_at = sent_at + interval '1 hour', landed_at = landed_at + interval '1 hour'"
    )
    chain._clock_ms += 3_600_000  # this process has not read the clock since
    after = await signed(await chain.blockhash(), memo="after")
    await chain.send(after, not_after=in_a_while())
    assert len((await chain.ended([before.signature, after.signature]))[1]) == 2
    for swap in (before, after):
        assert verdict(await chain.ask(swap.signature), swap.last_valid_height) == "landed"


async def test_one_query_returns_the_swaps_that_have_ended(chain: MockChain, postgres_dsn: str) -> None:
    now = await chain.blockhash()
    landed, refused = (
        await signed(now),
        await signed(now, memo="b", swap=dataclasses.replace(SWAP, min_amount_out=now.slot * 2)),
    )
    too_late = await signed(dataclasses.replace(now, last_valid_height=now.slot - 1), memo="c")
    for swap in (landed, refused, too_late):
        await chain.send(swap, not_after=in_a_while())
    slow = await chain_on(postgres_dsn, execution_ms_min=60_000, execution_ms_max=60_000)
    under_way = await signed(await slow.blockhash(), memo="d")
    await slow.send(under_way, not_after=in_a_while())
    height, ended = await slow.ended([swap.signature for swap in (under_way, too_late, refused, landed)])
    assert height >= now.slot
    assert {signature: outcome.status for signature, outcome in ended.items()} == {
        landed.signature: "landed",
        refused.signature: "failed",
    }
    assert ended[landed.signature] == (await chain.ask(landed.signature)).outcome
    assert (await slow.ended([under_way.signature]))[1] == {}
    await slow.close()


async def test_a_stale_clock_does_not_admit_a_late_swap(chain: MockChain, ledger: Any) -> None:
    now = await chain.blockhash()
    swap = await signed(dataclasses.replace(now, last_valid_height=now.slot + 20))
    chain._clock_ms -= 60_000  # as if this process had been stopped for a minute after reading it
    swap = dataclasses.replace(swap, last_valid_height=now.slot - 100)
    await chain.send(swap, not_after=in_a_while())
    assert await rows(ledger) == []


async def test_a_swap_does_not_count_as_absent_while_a_send_of_it_is_not_committed(
    chain: MockChain, ledger: Any, postgres_dsn: str
) -> None:
    now = await chain.blockhash()
    swap = await signed(now)
    held = ledger.transaction()
    await held.start()
    decided = {
        "signature": swap.signature,
        "memo": "order",
        "status": "landed",
        "amount_out": 7,
        "slot": now.slot,
        "landed_ms": now.slot * 400,
        "last_valid_height": swap.last_valid_height,
        "send_by_ms": 2**62,
    }
    await ledger.fetchval(statements.SEND, json.dumps([decided]), 400)  # written, and its commit is held up

    question = asyncio.create_task(chain.ask(swap.signature))
    watcher = await asyncpg.connect(postgres_dsn)
    while not question.done() and not await watcher.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
        await asyncio.sleep(0.01)
    await held.commit()
    assert (await question).outcome == Outcome("landed", now.slot, amount_out=7)
    await watcher.close()


async def test_a_send_returns_what_is_known_of_the_swap(chain: MockChain, postgres_dsn: str) -> None:
    swap = await signed(await chain.blockhash())
    for _ in range(2):  # sent again, it says the same
        answer = await chain.send(swap, not_after=in_a_while())
        assert answer is not None
        assert answer.outcome == (await chain.ask(swap.signature)).outcome
        assert verdict(answer, swap.last_valid_height) == "landed"
    slow = await chain_on(postgres_dsn, execution_ms_min=60_000, execution_ms_max=60_000)
    under_way = await slow.send(await signed(await slow.blockhash(), memo="slow"), not_after=in_a_while())
    await slow.close()
    assert under_way is not None
    assert under_way.outcome is None


async def test_a_late_send_proves_nothing(chain: MockChain) -> None:
    now = await chain.blockhash()
    assert (
        await chain.send(await signed(dataclasses.replace(now, last_valid_height=now.slot - 1)), not_after=in_a_while())
        is None
    )


async def test_a_query_that_waits_for_one_swap_does_not_delay_others(chain: MockChain, ledger: Any) -> None:
    now = await chain.blockhash()
    known, doubtful = await signed(now, memo="known"), await signed(now, memo="doubtful")
    await chain.send(known, not_after=in_a_while())
    held = ledger.transaction()
    await held.start()
    await ledger.execute(statements.ABSENT_LOCK, doubtful.signature)  # by a process that stopped at this point
    question = asyncio.create_task(chain.ask(doubtful.signature))
    for _ in range(3):
        async with asyncio.timeout(2):
            assert verdict(await chain.ask(known.signature), known.last_valid_height) == "landed"
    assert not question.done()
    await held.rollback()
    assert verdict(await question, doubtful.last_valid_height) == "unknown"
