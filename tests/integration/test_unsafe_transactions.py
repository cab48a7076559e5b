"""What a venue may not make us sign. Each transaction here is refused, and the key is never used."""

from dataclasses import replace
from typing import Any

import pytest
from solders.account import Account
from solders.compute_budget import set_compute_unit_price
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import (
    AssignParams,
    CreateAccountWithSeedParams,
    assign,
    create_account_with_seed,
)

from app.dex.adapters.solana import chain as chain_module
from app.dex.adapters.solana.chain import SolanaChain
from app.dex.adapters.solana.programs import (
    LOOKUP_TABLE,
    NATIVE_MINT,
    TOKEN,
    create_token_account,
    memo,
    token_account,
)
from app.dex.adapters.solana.swap import SolanaSwap
from app.dex.errors import DexError, may_retry
from app.dex.markets import Token
from app.localnet.genesis import mint_of, pool_of
from app.localnet.validator import Validator
from tests.integration.desk import (
    AMOUNT,
    MAX_PRIORITY,
    ME,
    MY_USDC,
    THEIR_USDC,
    THIEF,
    Desk,
    lamports,
    order,
    paid_to,
)
from tests.localnet import (
    NAMES,
    RAY,
    SOL,
    STRANGER,
    USDC,
    land,
    pool,
    quoted,
)

GOOD = pool().swap(ME, mint_of(USDC), AMOUNT, 1)


def made_of(instruction: Instruction, of: SolanaSwap | None = None) -> SolanaSwap:
    return replace(of or order(), instruction=instruction)


def token_instruction(data: bytes, *accounts: Pubkey) -> Instruction:
    """The last account is our wallet, which signs."""
    metas = [AccountMeta(one, is_signer=False, is_writable=True) for one in accounts]
    return Instruction(TOKEN, data, [*metas, AccountMeta(ME, is_signer=True, is_writable=False)])


HOSTILE: dict[str, Instruction] = {
    "SOL to a stranger": lamports(1, THIEF),
    "a token to a stranger": token_instruction(b"\x03" + bytes([1] + [0] * 7), MY_USDC, THEIR_USDC),
    "a delegate": token_instruction(b"\x04" + b"\xff" * 8, MY_USDC, THIEF),
    "another owner of our account": token_instruction(b"\x06\x02\x01" + bytes(THIEF), MY_USDC),
    "our tokens burnt": token_instruction(b"\x08" + bytes([1] + [0] * 7), MY_USDC, mint_of(USDC)),
    "our account closed for a stranger": token_instruction(b"\x09", MY_USDC, THIEF),
    "wrapped SOL unwrapped for a stranger": token_instruction(b"\x09", token_account(ME, NATIVE_MINT), THIEF),
    "the wallet given to a program": assign(AssignParams(pubkey=ME, owner=TOKEN)),
    "a stranger's account at our cost": create_token_account(ME, THIEF, mint_of(RAY)),
    "an unknown program": Instruction(Pubkey.from_bytes(bytes(range(32))), b"", []),
    "the program of another venue": pool("meteora").swap(ME, mint_of(USDC), AMOUNT, 1),
    "a memo of its own": memo("another-order #1", ME),
    "a priority fee": set_compute_unit_price(10**9),
}


@pytest.mark.parametrize("instruction", HOSTILE.values(), ids=HOSTILE)
async def test_only_the_venues_own_program_is_called(desk: Desk, instruction: Instruction) -> None:
    assert "not the venue's" in await desk.refuses(made_of(instruction))


def with_another_signer() -> Instruction:
    extra = AccountMeta(Keypair().pubkey(), is_signer=True, is_writable=False)
    return Instruction(GOOD.program_id, bytes(GOOD.data), [*GOOD.accounts, extra])


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        pytest.param(pool().swap(ME, mint_of(USDC), AMOUNT + 1, 1), "another amount", id="more than the order"),
        pytest.param(pool().swap(ME, mint_of(USDC), AMOUNT - 1, 1), "another amount", id="less than the order"),
        pytest.param(pool().swap(ME, mint_of(USDC), AMOUNT, 0), "minimum is below", id="no minimum"),
        pytest.param(Instruction(GOOD.program_id, bytes(GOOD.data) + b"\0", GOOD.accounts), "form", id="a byte more"),
        pytest.param(Instruction(GOOD.program_id, b"", GOOD.accounts), "form", id="nothing"),
        pytest.param(with_another_signer(), "only signer", id="another signer"),
        pytest.param(
            pool_of("raydium", RAY, SOL).swap(ME, mint_of(RAY), AMOUNT, 1), "sells from another", id="another token"
        ),
    ],
)
async def test_a_swap_that_is_not_the_order_is_refused(desk: Desk, instruction: Instruction, reason: str) -> None:
    assert reason in await desk.refuses(made_of(instruction))


@pytest.mark.parametrize("listed", [True, False])
async def test_no_program_is_named_that_is_not_on_our_list(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    """An aggregator would pass our signature on to it. (The program of a local pool takes no more accounts.)"""

    async def units(*_: Any) -> int:
        return 100_000

    monkeypatch.setattr(chain_module, "units_used", units)
    program = pool("meteora").swap(ME, mint_of(USDC), AMOUNT, 1).program_id if listed else LOOKUP_TABLE
    accounts = [*GOOD.accounts, AccountMeta(program, is_signer=False, is_writable=False)]
    swap = made_of(Instruction(GOOD.program_id, bytes(GOOD.data), accounts))
    with pytest.raises(DexError, match="tx_failed" if listed else f"program that is not on our list, {program}"):
        await desk.sign(swap)
    assert desk.wallet.signatures == 0


async def test_a_program_that_brings_less_than_it_promises_is_refused(desk: Desk) -> None:
    """As a program would whose instruction says one thing and does another."""
    program = str(GOOD.program_id)
    promises = replace(NAMES.forms[program][b""], amounts=lambda _: (AMOUNT, 2**64 - 1))
    lied = replace(NAMES, forms={program: {b"": promises}})
    chain = SolanaChain(desk.providers, desk.wallet, lied, max_priority_lamports=MAX_PRIORITY)
    with pytest.raises(DexError, match="less than the order's minimum"):
        await chain.sign(replace(order(), min_amount_out=10**12), memo="order", attempt=1, blockhash=desk.hash)
    assert desk.wallet.signatures == 0


async def test_a_venue_that_quotes_too_little_is_not_believed(desk: Desk) -> None:
    """The floor follows from the quote: somebody who trades just before and after us would keep the difference."""
    brings = quoted(desk.validator, pool(), USDC, AMOUNT)
    with pytest.raises(DexError, match="quoted less than the swap brings") as refused:
        await desk.sign(replace(order(), quoted=brings * 98 // 100))
    assert desk.wallet.signatures == 0
    assert may_retry(refused.value.code)
    await desk.sign(replace(order(), quoted=brings))


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the venue's program did something else than its instruction says: only the simulation shows it."""
    monkeypatch.setattr(chain_module, "check_instruction", lambda *_, **__: None)


@pytest.mark.usefixtures("unread")
async def test_a_swap_that_pays_a_stranger_is_refused(desk: Desk) -> None:
    assert "minimum" in await desk.refuses(paid_to(THEIR_USDC, order(SOL, USDC)))


@pytest.mark.usefixtures("unread")
async def test_a_swap_of_another_token_is_refused(desk: Desk) -> None:
    of_ray = pool_of("raydium", RAY, SOL).swap(ME, mint_of(RAY), AMOUNT, 1)
    assert "another token account of the wallet" in await desk.refuses(made_of(of_ray))


def given_to_us(validator: Validator, mint: Pubkey, *, closer: bool) -> Pubkey:
    """A stranger's token account that he gives to our wallet. As its closer he could make it again, for himself."""
    given = Pubkey.create_with_seed(THIEF, "given", TOKEN)
    made = CreateAccountWithSeedParams(
        from_pubkey=THIEF, to_pubkey=given, base=THIEF, seed="given", lamports=2_039_280, space=165, owner=TOKEN
    )
    changeable, named = (AccountMeta(given, is_signer=False, is_writable=True), AccountMeta(mint, False, False))
    signs = AccountMeta(THIEF, is_signer=True, is_writable=False)
    instructions = [
        create_account_with_seed(made),
        Instruction(TOKEN, b"\x12" + bytes(THIEF), [changeable, named]),
        *[Instruction(TOKEN, b"\x06\x03\x01" + bytes(THIEF), [changeable, signs])] * closer,
        Instruction(TOKEN, b"\x06\x02\x01" + bytes(ME), [changeable, signs]),
    ]
    assert land(validator, instructions, key=STRANGER).error is None
    return given


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("closer", [True, False])
@pytest.mark.parametrize("bought", [USDC, SOL])
async def test_only_the_associated_account_of_the_wallet_is_paid(desk: Desk, bought: Token, closer: bool) -> None:
    """Another one may be taken back before the swap lands, and no later order could spend what is in it."""
    sold = SOL if bought == USDC else USDC
    given = given_to_us(desk.validator, mint_of(bought), closer=closer)
    elsewhere = paid_to(given, order(sold, bought))
    assert f"another token account of the wallet, {given}" in await desk.refuses(elsewhere)


@pytest.mark.parametrize("place", [72, 129], ids=["a delegate", "a closer"])
async def test_no_swap_goes_through_an_account_that_somebody_else_may_use_already(desk: Desk, place: int) -> None:
    """A program that was taken over for one swap would get what all later ones bring."""
    account = desk.validator.account(MY_USDC)
    assert account
    data = bytearray(account.data)
    data[place : place + 36] = b"\1\0\0\0" + bytes(THIEF)
    desk.validator._svm.set_account(MY_USDC, Account(account.lamports, bytes(data), TOKEN))
    for swap in (order(SOL, USDC), order(USDC, SOL)):
        assert f"lets somebody else use a token account of ours, {MY_USDC}" in await desk.refuses(swap)


async def test_a_token_that_the_chain_does_not_know_is_not_traded(desk: Desk) -> None:
    unknown = replace(order(), route=("USDC", "XYZZY"))
    with pytest.raises(DexError, match="unsupported_pair"):
        await desk.sign(unknown)


def test_an_unsafe_transaction_is_never_tried_again() -> None:
    assert not may_retry("unsafe_transaction")
