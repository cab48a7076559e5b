"""Time, blockhashes and the journal of the local validator."""

from pathlib import Path

import pytest
from solders.keypair import Keypair
from solders.system_program import TransferParams, transfer

from app.localnet.clock import height_of, slot_of
from app.localnet.genesis import TOKEN_ACCOUNT_RENT, mint_of
from tests.localnet import SOL, USDC, WALLET, held, land, open_validator, pool, signed, usdc_of

ME = WALLET.pubkey()
SWAP = pool().whole_swap(ME, mint_of(SOL), 10**8, 1)


def test_each_of_the_newest_151_blockhashes_is_good_and_no_older_one(tmp_path: Path) -> None:
    validator = open_validator(tmp_path / "journal")
    validator.skip(500)
    assert [validator.submit(signed(validator, SWAP, age=age)) for age in (0, 1, 149, 150)] == [True] * 4
    assert not validator.submit(signed(validator, SWAP, age=151))
    assert not validator.submit(signed(validator, SWAP, age=-1))


def test_a_signature_lands_once(tmp_path: Path) -> None:
    validator = open_validator(tmp_path / "journal")
    raw = signed(validator, SWAP)
    assert [validator.submit(raw) for _ in range(3)] == [True, False, False]
    assert len(validator.landed) == 1


def test_without_a_right_signature_or_a_payer_there_is_no_block(tmp_path: Path) -> None:
    validator = open_validator(tmp_path / "journal")
    raw = signed(validator, SWAP)
    assert not validator.submit(raw[:1] + bytes(64) + raw[65:])
    poor = Keypair()
    to_me = transfer(TransferParams(from_pubkey=poor.pubkey(), to_pubkey=ME, lamports=1))
    assert not validator.submit(signed(validator, [to_me], key=poor))
    assert validator.landed == {}


def test_opened_again_it_is_where_it_was(tmp_path: Path) -> None:
    first = open_validator(tmp_path / "journal")
    for amount in range(1, 6):
        land(first, pool().whole_swap(ME, mint_of(SOL), amount * 10**8, 1))
    refused = land(first, pool().whole_swap(ME, mint_of(SOL), 10**8, 2**60))
    first.skip(100)
    unsent = signed(first, SWAP, age=3)
    first.close()

    again = open_validator(tmp_path / "journal", block_ms=1)
    assert again.landed == first.landed
    assert again.landed[refused.signature].error == refused.error
    assert usdc_of(again, ME) == usdc_of(first, ME)
    assert again.clock.height >= first.clock.height
    assert (again.clock.block_ms, again.clock.genesis_hash) == (10_000, first.clock.genesis_hash)
    assert again.submit(unsent)  # its blockhash is still good


def test_a_record_that_the_kill_cut_off_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    validator = open_validator(path)
    kept = land(validator, SWAP)
    whole = path.stat().st_size
    land(validator, pool("meteora").whole_swap(ME, mint_of(SOL), 10**8, 1))
    validator.close()
    path.write_bytes(path.read_bytes()[:-7])

    again = open_validator(path)
    assert list(again.landed) == [kept.signature]
    assert path.stat().st_size == whole


def test_a_slot_has_at_most_one_height() -> None:
    slots = [slot_of(height) for height in range(1_000, 3_000)]
    assert slots == sorted(set(slots))
    assert [height_of(slot) for slot in slots] == list(range(1_000, 3_000))
    skipped = set(range(slots[0], slots[-1])) - set(slots)
    assert len(skipped) > 50
    assert {height_of(slot) for slot in skipped} == {None}


def test_balances_that_were_set_by_hand_are_found_again(tmp_path: Path) -> None:
    validator = open_validator(tmp_path / "journal")
    vaults = {str(pool().vault(mint_of(token))): amount for token, amount in ((SOL, 20 * 10**9), (USDC, 3 * 10**9))}
    land(validator, SWAP)
    validator.set_balances(vaults)
    with pytest.raises(ValueError, match="no token account"):
        validator.set_balances({**vaults, str(ME): 1})
    land(validator, pool().whole_swap(ME, mint_of(SOL), 10**7, 1))
    validator.close()
    again = open_validator(tmp_path / "journal")
    assert [one.error for one in again.landed.values()] == [None, None]
    assert held(again, pool().vault(mint_of(SOL))) == 20 * 10**9 + 10**7
    assert held(again, pool().vault(mint_of(USDC))) == held(validator, pool().vault(mint_of(USDC)))
    vault = again.account(pool().vault(mint_of(SOL)))
    assert vault is not None
    assert vault.lamports == 20 * 10**9 + 10**7 + TOKEN_ACCOUNT_RENT
