"""What is signed: whole swaps that land, with their fees, and as short as lookup tables make them."""

import itertools
from base64 import b64decode
from dataclasses import replace
from typing import Any

import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from app.dex.adapters.solana import simulation
from app.dex.adapters.solana.programs import NATIVE_MINT, SYSTEM, create_token_account, token_account
from app.dex.adapters.solana.tables import read_tables
from app.dex.chain import SignedSwap
from app.dex.errors import DexError
from app.dex.markets import Token
from app.localnet.genesis import TABLE, mint_of, pool_of
from tests.integration.desk import AMOUNT, MAX_PRIORITY, ME, MY_USDC, THIEF, Desk, lamports, order
from tests.localnet import MARKETS, RAY, SOL, STRANGER, USDC, built_swap, held, land, pool, quoted

USDT = MARKETS.token("USDT")


@pytest.mark.parametrize(("token_in", "token_out"), [(SOL, USDC), (USDC, SOL), (RAY, SOL), (SOL, RAY)])
async def test_a_good_swap_lands_and_what_it_brought_is_without_fee_rent_and_older_wrapped_sol(
    desk: Desk, token_in: Token, token_out: Token
) -> None:
    wrapped = token_account(ME, NATIVE_MINT)
    land(desk.validator, [create_token_account(ME, ME, NATIVE_MINT), lamports(10**7, wrapped)])
    of = pool_of("raydium", token_in, token_out)
    brings = quoted(desk.validator, of, token_in, AMOUNT)
    signed = await desk.sign(built_swap(of, token_in, token_out, AMOUNT, 1))
    assert desk.validator.submit(signed.payload)
    desk.validator.skip(1)
    outcome = (await desk.chain.ask(signed.signature)).outcome
    assert outcome is not None
    assert (outcome.status, outcome.amount_out) == ("landed", brings)
    assert desk.validator.account(wrapped) is None


@pytest.mark.parametrize(("token_in", "token_out"), [(SOL, USDC), (USDC, SOL)])
@pytest.mark.parametrize("before", [True, False])
async def test_lamports_that_a_stranger_sent_to_our_account_for_wrapped_sol_are_no_part_of_a_swap(
    desk: Desk, token_in: Token, token_out: Token, before: bool
) -> None:
    """Nobody has made it yet. No swap was signed, or one that had landed had brought nobody knows what."""
    gift = TransferParams(from_pubkey=THIEF, to_pubkey=token_account(ME, NATIVE_MINT), lamports=2 * AMOUNT)
    of = pool_of("raydium", token_in, token_out)
    brings = quoted(desk.validator, of, token_in, AMOUNT)
    if before:
        land(desk.validator, [transfer(gift)], key=STRANGER)
    signed = await desk.sign(replace(built_swap(of, token_in, token_out, AMOUNT, 1), quoted=brings))
    if not before:
        land(desk.validator, [transfer(gift)], key=STRANGER)
    assert desk.validator.submit(signed.payload)
    desk.validator.skip(1)
    outcome = (await desk.chain.ask(signed.signature)).outcome
    assert outcome is not None
    assert outcome.amount_out == brings


async def test_lamports_that_a_stranger_sent_to_an_account_that_we_do_not_have_stop_no_swap(desk: Desk) -> None:
    desk.validator._svm.set_account(mine := token_account(ME, mint_of(USDT)), Account(890_880, b"", SYSTEM))
    signed = await desk.sign(order(USDC, USDT))
    assert desk.validator.submit(signed.payload)
    assert held(desk.validator, mine) > 0


@pytest.mark.parametrize(("token_in", "token_out"), [(SOL, USDC), (USDC, SOL), (USDC, USDT)])
@pytest.mark.parametrize("much", [0, simulation.LITTLE])
async def test_what_strangers_send_us_in_each_block_stops_no_swap_unless_it_is_much(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, token_in: Token, token_out: Token, much: int
) -> None:
    """It costs them a fee for each block. What is much could hide what a program takes."""
    honest, sent = desk.providers[0].call, itertools.count(much + 1)

    async def call(method: str, *params: Any, within: float | None = None) -> Any:
        if method == "simulateTransaction":
            gift = TransferParams(from_pubkey=THIEF, to_pubkey=ME, lamports=next(sent))
            land(desk.validator, [transfer(gift)], key=STRANGER)
        return await honest(method, *params, within=within)

    monkeypatch.setattr(desk.providers[0], "call", call)
    if much:
        with pytest.raises(DexError, match="wallet changed"):
            await desk.sign(order(token_in, token_out))
    else:
        assert desk.validator.submit((await desk.sign(order(token_in, token_out))).payload)


@pytest.mark.parametrize(("usual", "paid"), [(0, 0), (1_000, None), (10**9, MAX_PRIORITY), (2**63, MAX_PRIORITY)])
async def test_the_priority_fee_is_what_others_pay_up_to_a_cap(desk: Desk, usual: int, paid: int | None) -> None:
    desk.faults.usual_price = usual
    signed = await desk.sign(order())
    assert desk.validator.submit(signed.payload)
    landed = desk.validator.landed[signed.signature]
    limit = compute_limit(signed)
    assert landed.units <= limit <= landed.units * 13 // 10
    cost = landed.fee - 5_000
    assert cost == -(-usual * limit // 10**6) if paid is None else MAX_PRIORITY * 0.99 * bool(paid) <= cost <= paid


async def test_what_is_signed_was_simulated_with_its_own_limits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.faults.usual_price, simulated = 1_000, list[str]()
    honest = desk.providers[0].call

    async def call(method: str, *params: Any, within: float | None = None) -> Any:
        if method == "simulateTransaction":
            simulated.append(params[0])
        return await honest(method, *params, within=within)

    monkeypatch.setattr(desk.providers[0], "call", call)
    signed = await desk.sign(order())
    last = VersionedTransaction.from_bytes(b64decode(simulated[-1]))
    assert last.message == VersionedTransaction.from_bytes(signed.payload).message


def compute_limit(signed: SignedSwap) -> int:
    message = VersionedTransaction.from_bytes(signed.payload).message
    [limit] = [bytes(one.data) for one in message.instructions if bytes(one.data)[:1] == b"\x02" and len(one.data) == 5]
    return int.from_bytes(limit[1:], "little")


async def test_a_lookup_table_shortens_a_transaction_and_never_names_our_own_accounts(desk: Desk) -> None:
    plain, short = await desk.sign(order()), await desk.sign(replace(order(), tables=(TABLE,)))
    assert len(short.payload) < len(plain.payload) - 50
    assert desk.validator.submit(short.payload)
    assert desk.validator.landed[short.signature].error is None
    message = VersionedTransaction.from_bytes(short.payload).message
    assert {ME, MY_USDC} <= set(message.account_keys)


async def test_a_table_with_our_own_accounts_in_it_is_not_used_for_them(desk: Desk) -> None:
    """A node could say that our account is in a table where a stranger's is."""
    [table] = await read_tables(desk.providers, [TABLE], own={pool().vault(mint_of(SOL))})
    assert pool().vault(mint_of(SOL)) not in table.addresses
    assert pool().vault(mint_of(USDC)) in table.addresses


async def test_what_is_no_table_is_not_used(desk: Desk) -> None:
    nothing = (MY_USDC, Keypair().pubkey(), Pubkey.default())
    assert (await desk.sign(replace(order(), tables=nothing))).payload == (await desk.sign(order())).payload
