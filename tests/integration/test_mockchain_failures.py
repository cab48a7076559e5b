"""The simulated chain drops sends, lets them fail, and can be down or without an answer."""

import asyncio
import dataclasses
from typing import Any

import pytest

from app.dex.chain import Blockhash, verdict
from app.dex.errors import RETRY, DexError
from app.mockchain import ledger as ledger_module
from app.mockchain import statements
from app.mockchain.ledger import MockChain
from app.mockchain.outcome import STALE_LIFE
from tests.fakes import in_a_while
from tests.integration.test_mockchain import chain, chain_on, ledger, rows, signed

__all__ = ["chain", "ledger"]


async def test_a_process_that_is_frozen_while_it_asks_holds_up_no_send(
    chain: MockChain, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "ENDS_FROZEN", {"idle_in_transaction_session_timeout": "100"})
    other = await chain_on(postgres_dsn)
    async with other._pool.acquire() as frozen:
        await frozen.execute(f"BEGIN; {statements.ALL_SENT}")
        swap = await signed(await chain.blockhash())
        assert await chain.send(swap, not_after=in_a_while())
    await other.close()


async def test_a_dropped_swap_looks_like_one_that_was_never_sent(chain: MockChain, ledger: Any) -> None:
    now = await chain.blockhash()
    swap = await signed(dataclasses.replace(now, last_valid_height=now.slot + STALE_LIFE))
    await chain.send(swap, not_after=in_a_while())
    assert verdict(await chain.ask(swap.signature), swap.last_valid_height) == "unknown"
    [row] = await rows(ledger)
    assert (row["status"], row["code"]) == ("dropped", "tx_dropped")
    assert verdict(await chain.ask(swap.signature), now.slot - 1) == "expired"


async def test_the_failure_rate_is_the_share_of_sends_that_fail_in_a_retryable_way(
    postgres_dsn: str, ledger: Any
) -> None:
    chain = await chain_on(postgres_dsn, failure_rate=0.5)
    for i in range(400):
        await chain.send(await signed(await chain.blockhash(), memo=str(i)), not_after=in_a_while())
    counts = dict(await ledger.fetch("SELECT status, count(*) FROM chain.transactions GROUP BY 1"))
    assert 160 <= counts["landed"] <= 240
    assert 20 <= counts["dropped"] <= 60
    codes = {row["code"] for row in await rows(ledger) if row["code"]}
    assert codes <= RETRY
    # What is dropped is known to be so within seconds, not when a whole blockhash life is over.
    left = await ledger.fetchval(
        "SELECT max(last_valid_height - slot) FROM chain.transactions WHERE status = 'dropped'"
    )
    assert left <= STALE_LIFE
    await chain.close()


async def test_at_a_failure_rate_of_one_nothing_lands(postgres_dsn: str, ledger: Any) -> None:
    chain = await chain_on(postgres_dsn, failure_rate=1.0)
    for i in range(50):
        await chain.send(await signed(await chain.blockhash(), memo=str(i)), not_after=in_a_while())
    assert await ledger.fetchval("SELECT count(*) FROM chain.transactions WHERE status = 'landed'") == 0
    await chain.close()


async def test_many_processes_may_open_the_chain_at_once(postgres_dsn: str) -> None:
    chains = await asyncio.gather(*(chain_on(postgres_dsn) for _ in range(8)))
    assert all(chain._prepared for chain in chains)
    await asyncio.gather(*(chain.close() for chain in chains))


async def test_a_chain_whose_server_is_down_opens_and_fails_when_it_is_used() -> None:
    chain = await chain_on("postgresql://postgres@127.0.0.1:1/none", call_timeout=1.0)
    with pytest.raises(DexError, match="rpc_timeout"):
        await chain.blockhash()
    with pytest.raises(DexError, match="rpc_timeout"):
        await chain.ask("signature")
    with pytest.raises(DexError, match="outcome_unknown"):
        await chain.send(await signed(Blockhash("hash", 200, 50)), not_after=in_a_while())
    await chain.close()


async def test_a_call_of_a_chain_that_does_not_answer_ends_in_bounded_time(postgres_dsn: str, ledger: Any) -> None:
    chain = await chain_on(postgres_dsn, call_timeout=0.2)
    swap = await signed(await chain.blockhash())
    async with ledger.transaction():
        await ledger.execute("LOCK chain.transactions")
        with pytest.raises(DexError, match="outcome_unknown"):
            await chain.send(swap, not_after=in_a_while())
    await chain.send(swap, not_after=in_a_while())
    assert verdict(await chain.ask(swap.signature), swap.last_valid_height) == "landed"
    await chain.close()
