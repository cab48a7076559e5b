"""What a venue may not make us sign. Each transaction here is refused, and the key is never used."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageAddressTableLookup, MessageV0
from solders.pubkey import Pubkey
from solders.system_program import AssignParams, TransferParams, assign, transfer

from app.dex.adapters.solana.chain import SolanaChain
from app.dex.adapters.solana.programs import (
    ASSOCIATED,
    NATIVE_MINT,
    TOKEN,
    create_token_account,
    memo,
    token_account,
)
from app.dex.adapters.solana.rpc import Rpc
from app.dex.adapters.solana.simulation import Account, check_changes
from app.dex.adapters.solana.swap import SolanaSwap, compile_message
from app.dex.adapters.solana.wallet import KeypairWallet
from app.dex.chain import SignedSwap
from app.dex.errors import DexError, may_retry
from app.dex.markets import Token
from app.localnet.faults import Faults
from app.localnet.genesis import holding, mint_of, pool_of
from app.localnet.validator import Validator
from app.localnet.view import Node
from tests.localnet import NAMES, RAY, SOL, STRANGER, USDC, WALLET, built_swap, land, open_validator, pool, served

ME, THIEF = WALLET.pubkey(), STRANGER.pubkey()
MY_USDC, THEIR_USDC = token_account(ME, mint_of(USDC)), token_account(THIEF, mint_of(USDC))
AMOUNT, MAX_PRIORITY = 10**8, 10_000


class CountingWallet(KeypairWallet):
    signatures = 0

    async def sign(self, message: bytes) -> bytes:
        self.signatures += 1
        return await super().sign(message)


@dataclass
class Desk:
    validator: Validator
    wallet: CountingWallet
    chain: SolanaChain

    async def sign(self, swap: SolanaSwap) -> SignedSwap:
        return await self.chain.sign(swap, memo="order", attempt=1, blockhash=await self.chain.blockhash())

    async def refuses(self, swap: SolanaSwap) -> str:
        with pytest.raises(DexError) as refused:
            await self.sign(swap)
        assert self.wallet.signatures == 0
        assert refused.value.code == "unsafe_transaction"
        return refused.value.detail


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    validator = open_validator(tmp_path / "journal")
    async with served(Node(validator, Faults())) as url:
        wallet = CountingWallet(WALLET)
        chain = SolanaChain([Rpc(url)], wallet, NAMES, max_priority_lamports=MAX_PRIORITY)
        yield Desk(validator, wallet, chain)
        await chain.close()
    validator.close()


def order(token_in: Token = USDC, token_out: Token = SOL, floor: int = 1, amount: int = AMOUNT) -> SolanaSwap:
    return built_swap(pool_of("raydium", token_in, token_out), token_in, token_out, amount, floor)


GOOD = pool().whole_swap(ME, mint_of(USDC), AMOUNT, 1)


def made_of(*instructions: Instruction, of: SolanaSwap | None = None) -> SolanaSwap:
    return replace(of or order(), message=compile_message(ME, instructions))


def token_instruction(data: bytes, *accounts: Pubkey) -> Instruction:
    """The last account is our wallet, which signs."""
    metas = [AccountMeta(one, is_signer=False, is_writable=True) for one in accounts]
    return Instruction(TOKEN, data, [*metas, AccountMeta(ME, is_signer=True, is_writable=False)])


def lamports(number: int, to: Pubkey) -> Instruction:
    return transfer(TransferParams(from_pubkey=ME, to_pubkey=to, lamports=number))


def created_for_another() -> Instruction:
    """At our address by its own account list, with another owner."""
    made = create_token_account(ME, ME, mint_of(RAY))
    accounts = list(made.accounts)
    accounts[2] = AccountMeta(THIEF, is_signer=False, is_writable=False)
    return Instruction(ASSOCIATED, bytes(made.data), accounts)


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
    "an account for another owner": created_for_another(),
    "an unknown program": Instruction(Pubkey.from_bytes(bytes(range(32))), b"", []),
    "the program of another venue": pool("meteora").swap(ME, mint_of(USDC), 1_000, 1),
    "a memo of its own": memo("another-order #1", ME),
    "SOL wrapped in an order without SOL in": lamports(10**9, token_account(ME, NATIVE_MINT)),
    "a priority fee over the limit": set_compute_unit_price(10**9),
}


@pytest.mark.parametrize("extra", HOSTILE.values(), ids=HOSTILE)
async def test_an_instruction_that_a_swap_does_not_need_is_refused(desk: Desk, extra: Instruction) -> None:
    limit = set_compute_unit_limit(400_000)
    await desk.refuses(made_of(limit, extra, *GOOD))
    await desk.refuses(made_of(limit, *GOOD, extra))


@pytest.mark.parametrize(
    ("instructions", "reason"),
    [
        pytest.param(GOOD[:2], "does not call the venue", id="no swap"),
        pytest.param([set_compute_unit_price(1), *GOOD], "no limit", id="a price without a limit"),
        pytest.param([set_compute_unit_limit(9)] * 2 + GOOD, "cannot be read", id="two limits"),
        pytest.param(pool().whole_swap(ME, mint_of(USDC), AMOUNT + 1, 1), "spends more", id="more than the order"),
        pytest.param(GOOD[:-1] + GOOD[-2:], "spends more", id="twice"),
        pytest.param(
            pool_of("raydium", RAY, SOL).whole_swap(ME, mint_of(RAY), 10**6, 1), "another balance", id="another token"
        ),
    ],
)
async def test_a_swap_that_is_not_the_order_is_refused(
    desk: Desk, instructions: list[Instruction], reason: str
) -> None:
    assert reason in await desk.refuses(made_of(*instructions))


async def test_a_swap_below_the_minimum_is_refused_although_it_would_land(desk: Desk) -> None:
    generous = replace(order(), min_amount_out=10**12)
    assert "less than the order's minimum" in await desk.refuses(generous)


async def test_a_swap_that_pays_a_stranger_is_refused(desk: Desk) -> None:
    buying = pool().swap(ME, mint_of(SOL), AMOUNT, 1)
    accounts = list(buying.accounts)
    accounts[4] = AccountMeta(THEIR_USDC, is_signer=False, is_writable=True)
    whole = pool().whole_swap(ME, mint_of(SOL), AMOUNT, 1)
    stolen = [Instruction(one.program_id, bytes(one.data), accounts) if one == buying else one for one in whole]
    assert stolen != whole
    assert "minimum" in await desk.refuses(made_of(*stolen, of=order(SOL, USDC)))


def with_two_signers() -> bytes:
    extra = AccountMeta(Keypair().pubkey(), is_signer=True, is_writable=False)
    swap = GOOD[2]
    return compile_message(ME, [*GOOD, Instruction(swap.program_id, bytes(swap.data), [*swap.accounts, extra])])


def with_lookup_table() -> bytes:
    plain = MessageV0.from_bytes(order().message)
    lookup = MessageAddressTableLookup(Keypair().pubkey(), bytes([0]), bytes([1]))
    return bytes(MessageV0(plain.header, plain.account_keys, Hash.default(), plain.instructions, [lookup]))


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(lambda: compile_message(THIEF, GOOD), id="a stranger pays"),
        pytest.param(with_two_signers, id="two signers"),
        pytest.param(with_lookup_table, id="lookup tables"),
        pytest.param(lambda: b"", id="nothing"),
        pytest.param(lambda: b"\xff" * 300, id="noise"),
        pytest.param(lambda: order().message[:-5], id="cut off"),
    ],
)
async def test_a_message_in_another_form_is_refused(desk: Desk, message: Callable[[], bytes]) -> None:
    await desk.refuses(replace(order(), message=message()))


@pytest.mark.parametrize(("token_in", "token_out"), [(SOL, USDC), (USDC, SOL), (RAY, SOL), (SOL, RAY)])
async def test_a_good_swap_is_signed_and_lands(desk: Desk, token_in: Token, token_out: Token) -> None:
    land(desk.validator, [create_token_account(ME, ME, NATIVE_MINT), lamports(10**7, token_account(ME, NATIVE_MINT))])
    budget = [set_compute_unit_limit(100_000), set_compute_unit_price(100_000)]  # the limit exactly
    of = pool_of("raydium", token_in, token_out)
    swap = made_of(*budget, *of.whole_swap(ME, mint_of(token_in), AMOUNT, 1), of=order(token_in, token_out))
    signed = await desk.sign(swap)
    assert desk.validator.submit(signed.payload)
    assert desk.validator.landed[signed.signature].error is None
    assert desk.validator.landed[signed.signature].fee == 5_000 + MAX_PRIORITY


def test_an_unsafe_transaction_is_never_tried_again() -> None:
    assert not may_retry("unsafe_transaction")


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
    check_changes(BEFORE, BEFORE, wallet=ME, swap=swap, mints=mints, fee=0)
    with pytest.raises(DexError, match="unsafe_transaction"):
        check_changes(BEFORE, BEFORE | after, wallet=ME, swap=swap, mints=mints, fee=0)
