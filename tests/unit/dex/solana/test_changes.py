"""What a simulation shows of our accounts, compared with what the order agreed to."""

import struct
from contextlib import nullcontext
from dataclasses import replace

import pytest
from solders.pubkey import Pubkey

from app.dex.adapters.solana.programs import TOKEN, TOKEN_2022, token_account
from app.dex.adapters.solana.simulation import check_changes
from app.dex.adapters.solana.tokens import Account
from app.dex.errors import DexError
from app.localnet.genesis import holding, mint_of
from tests.integration.desk import ME, MY_USDC, THIEF, order
from tests.localnet import RAY, SOL, USDC


def usdc(data: bytes) -> Account:
    return Account(2_039_280, TOKEN, data)


KEPT = holding(ME, mint_of(USDC), 500).data
BEFORE = {ME: Account(10**9, Pubkey.default(), b""), MY_USDC: usdc(KEPT)}


@pytest.mark.parametrize(
    "after",
    [
        pytest.param({ME: Account(10**9, TOKEN, b"")}, id="the wallet has another owner"),
        pytest.param({ME: Account(10**9, Pubkey.default(), b"nonce")}, id="the wallet has data"),
        pytest.param({MY_USDC: Account(2_039_280, TOKEN, KEPT[:72] + b"\1\0\0\0" + KEPT[76:])}, id="delegate"),
        pytest.param({MY_USDC: Account(2_039_280, TOKEN, KEPT[:129] + b"\1" + KEPT[130:])}, id="closer"),
        pytest.param({MY_USDC: Account(2_039_280, TOKEN, holding(THIEF, mint_of(USDC), 500).data)}, id="owner"),
        pytest.param({MY_USDC: Account(2_039_280, TOKEN, holding(ME, mint_of(USDC), 499).data)}, id="a unit less"),
    ],
)
def test_what_a_venues_own_program_does_with_our_signature_is_seen(after: dict[Pubkey, Account]) -> None:
    """The venue's program is not read: only its effect is."""
    swap = replace(order(SOL, RAY), min_amount_out=0)
    mints = SOL.mint, RAY.mint
    check_changes(BEFORE, BEFORE, wallet=ME, own={ME, MY_USDC}, swap=swap, mints=mints, fee=0)
    with pytest.raises(DexError, match="unsafe_transaction"):
        check_changes(BEFORE, BEFORE | after, wallet=ME, own={ME, MY_USDC}, swap=swap, mints=mints, fee=0)


@pytest.mark.parametrize(("brings", "safe"), [(-1, False), (0, True), (4, True), (5, False)])
def test_only_what_strangers_gave_meanwhile_may_move_another_balance(brings: int, safe: bool) -> None:
    after = {MY_USDC: usdc(holding(ME, mint_of(USDC), 500 + brings).data)}
    swap, mints = replace(order(SOL, RAY), min_amount_out=0), (SOL.mint, RAY.mint)
    with nullcontext() if safe else pytest.raises(DexError, match="moves another balance"):
        check_changes(
            BEFORE, BEFORE | after, wallet=ME, own={ME, MY_USDC}, swap=swap, mints=mints, fee=0, given={USDC.mint: 4}
        )


def test_a_new_account_of_ours_is_not_given_away() -> None:
    """One between two swaps, whose rent what the second one brings makes up for."""
    mine, rent = token_account(ME, mint_of(RAY)), 2_039_280
    after = {ME: Account(2 * 10**9 - rent, Pubkey.default(), b""), mine: usdc(holding(THIEF, mint_of(RAY), 0).data)}
    swap, mints = replace(order(USDC, SOL), min_amount_out=10**9 - rent), (USDC.mint, SOL.mint)
    with pytest.raises(DexError, match="gives a token account of the wallet away"):
        check_changes(BEFORE, BEFORE | after, wallet=ME, own={ME, MY_USDC, mine}, swap=swap, mints=mints, fee=0)


def with_fee(amount: int, held_back: int, *, more: bytes = b"") -> Account:
    """Of Token-2022, as its program leaves it after a transfer with a fee."""
    fees = b"\x02" + struct.pack("<HHQ", 2, 8, held_back)
    return Account(2_039_280, TOKEN_2022, holding(ME, mint_of(RAY), amount).data + fees + more)


@pytest.mark.parametrize(
    ("after", "says"),
    [
        pytest.param(with_fee(1_490, 10), None, id="the floor after the fee"),
        pytest.param(with_fee(1_489, 11), "less than the order's minimum", id="less after the fee"),
        pytest.param(with_fee(1_490, 10, more=struct.pack("<HHB", 8, 1, 1)), "who may use", id="another extension"),
        pytest.param(with_fee(1_490, 10, more=b"\x08\0\xff\xff"), "who may use", id="one cut off"),
    ],
)
def test_the_floor_is_compared_with_what_arrives_after_a_transfer_fee(after: Account, says: str | None) -> None:
    account = token_account(ME, mint_of(RAY), TOKEN_2022)
    before = {ME: Account(10**9, Pubkey.default(), b""), account: with_fee(500, 0)}
    swap = replace(order(SOL, RAY), min_amount_out=990)
    refuses = nullcontext() if says is None else pytest.raises(DexError, match=says)
    with refuses:
        check_changes(
            before,
            before | {account: after},
            wallet=ME,
            own={ME, account},
            swap=swap,
            mints=(SOL.mint, RAY.mint),
            fee=0,
        )
