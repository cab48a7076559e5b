"""The pool programs: the same digits as the curve, a floor that holds on chain, and nobody's vaults but their own."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from app.dex.adapters.solana.programs import create_token_account, token_account
from app.dex.curves import constant_product
from app.localnet.genesis import mint_of, pool_of
from app.localnet.pools import PROGRAM_IDS, LocalPool
from app.localnet.programs import build
from app.localnet.validator import Validator
from tests.localnet import RAY, SOL, USDC, WALLET, held, land, open_validator, pool, usdc_of

ME, MINT_SOL, MINT_USDC = WALLET.pubkey(), mint_of(SOL), mint_of(USDC)
SLIPPAGE, BAD_ACCOUNTS, NOTHING_OUT = 6001, 6002, 6003


@pytest.fixture
def validator(tmp_path: Path) -> Iterator[Validator]:
    opened = open_validator(tmp_path / "journal")
    yield opened
    opened.close()


def reserves(validator: Validator, of: LocalPool, mint_in: Pubkey) -> tuple[int, int]:
    [mint_out] = of.mints - {mint_in}
    return held(validator, of.vault(mint_in)), held(validator, of.vault(mint_out))


def custom(error: object) -> object:
    assert isinstance(error, dict), error
    return error["InstructionError"][1].get("Custom") if isinstance(error["InstructionError"][1], dict) else error


def test_the_programs_are_those_that_were_recorded() -> None:
    lines = [line.split() for line in build.SUMS.read_text().splitlines()]
    assert {name: digest for digest, name in lines} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in build.FOLDER.glob("*.so")
    }
    assert {name for _, name in lines} == {f"{venue}.so" for venue in build.FEES}


@pytest.mark.parametrize("venue", build.FEES)
def test_a_swap_brings_what_the_curve_says(validator: Validator, venue: str) -> None:
    random, traded = Random(venue), pool(venue)
    land(validator, [create_token_account(ME, ME, MINT_SOL)])
    for _ in range(25):
        mint_in = random.choice((MINT_SOL, MINT_USDC))
        amount = random.randrange(10 ** random.randrange(3, 10), 10**10)
        before, usdc = reserves(validator, traded, mint_in), usdc_of(validator, ME)
        expected = constant_product(amount, *before, build.FEES[venue]).amount_out
        landed = land(validator, traded.whole_swap(ME, mint_in, amount, expected))
        assert landed.error is None
        assert reserves(validator, traded, mint_in) == (before[0] + amount, before[1] - expected)
        assert usdc_of(validator, ME) - usdc == (expected if mint_in == MINT_SOL else -amount)


def test_a_swap_below_its_floor_fails_on_chain_for_a_fee_and_moves_nothing(validator: Validator) -> None:
    before = reserves(validator, pool(), MINT_SOL)
    floor = constant_product(10**9, *before, build.FEES["raydium"]).amount_out + 1
    landed = land(validator, pool().whole_swap(ME, MINT_SOL, 10**9, floor))
    assert custom(landed.error) == SLIPPAGE
    assert reserves(validator, pool(), MINT_SOL) == before
    assert landed.before.lamports[0] - landed.after.lamports[0] == landed.fee == 5_000


def test_native_sol_goes_in_and_comes_out_and_no_wrapped_sol_is_left(validator: Validator) -> None:
    bought = land(validator, pool().whole_swap(ME, MINT_SOL, 10**9, 1))
    assert bought.before.lamports[0] - bought.after.lamports[0] == 10**9 + bought.fee
    vault = held(validator, pool().vault(MINT_SOL))
    sold = land(validator, pool().whole_swap(ME, MINT_USDC, 10**8, 1))
    out = vault - held(validator, pool().vault(MINT_SOL))
    assert sold.after.lamports[0] - sold.before.lamports[0] == out - sold.fee
    assert validator.account(token_account(ME, MINT_SOL)) is None


def with_account(swap: Instruction, place: int, account: Pubkey) -> Instruction:
    accounts = list(swap.accounts)
    accounts[place] = AccountMeta(account, accounts[place].is_signer, accounts[place].is_writable)
    return Instruction(swap.program_id, bytes(swap.data), accounts)


@pytest.mark.parametrize(
    ("place", "account"),
    [
        pytest.param(2, token_account(ME, MINT_USDC), id="own account as the vault in"),
        pytest.param(2, pool_of("meteora", SOL, USDC).vault(MINT_USDC), id="vault in of another program"),
        pytest.param(2, pool_of("raydium", RAY, SOL).vault(mint_of(RAY)), id="vault in of another pool"),
        pytest.param(3, pool_of("raydium", RAY, SOL).vault(MINT_SOL), id="vault out of another pool"),
        pytest.param(5, ME, id="own wallet as the authority"),
        pytest.param(6, PROGRAM_IDS["meteora"], id="another token program"),
    ],
)
def test_nothing_can_be_taken_from_a_pool_with_other_accounts(
    validator: Validator, place: int, account: Pubkey
) -> None:
    before = reserves(validator, pool(), MINT_USDC)
    land(validator, [create_token_account(ME, ME, MINT_SOL)])
    landed = land(validator, [with_account(pool().swap(ME, MINT_USDC, 10**6, 1), place, account)])
    assert landed.error is not None
    assert reserves(validator, pool(), MINT_USDC) == before


def test_an_amount_too_small_to_bring_anything_fails(validator: Validator) -> None:
    landed = land(validator, pool().whole_swap(ME, MINT_SOL, 1, 0))
    assert custom(landed.error) == NOTHING_OUT
