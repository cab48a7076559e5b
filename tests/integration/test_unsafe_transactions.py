"""What a venue may not make us sign. Each transaction here is refused, and the key is never used."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from solders.compute_budget import set_compute_unit_price
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import (
    AssignParams,
    CreateAccountWithSeedParams,
    TransferParams,
    assign,
    create_account_with_seed,
    transfer,
)
from solders.transaction import VersionedTransaction

from app.dex.adapters.solana.chain import SolanaChain
from app.dex.adapters.solana.programs import (
    NATIVE_MINT,
    TOKEN,
    create_token_account,
    memo,
    token_account,
)
from app.dex.adapters.solana.rpc import Rpc
from app.dex.adapters.solana.simulation import Account, check_changes
from app.dex.adapters.solana.swap import SolanaSwap
from app.dex.adapters.solana.tables import read_tables
from app.dex.adapters.solana.wallet import KeypairWallet
from app.dex.chain import Blockhash, SignedSwap
from app.dex.errors import DexError, may_retry
from app.dex.markets import Token
from app.localnet.faults import Faults
from app.localnet.genesis import TABLE, holding, mint_of, pool_of
from app.localnet.validator import Validator
from app.localnet.view import Node
from tests.localnet import (
    NAMES,
    RAY,
    SOL,
    STRANGER,
    USDC,
    WALLET,
    built_swap,
    land,
    open_validator,
    pool,
    quoted,
    served,
)

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
    faults: Faults
    providers: list[Rpc]
    wallet: CountingWallet
    chain: SolanaChain
    hash: Blockhash

    async def sign(self, swap: SolanaSwap) -> SignedSwap:
        return await self.chain.sign(swap, memo="order", attempt=1, blockhash=self.hash)

    async def refuses(self, swap: SolanaSwap) -> str:
        with pytest.raises(DexError) as refused:
            await self.sign(swap)
        assert self.wallet.signatures == 0
        assert refused.value.code == "unsafe_transaction"
        return refused.value.detail


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    validator, faults = open_validator(tmp_path / "journal"), Faults()
    async with served(Node(validator, faults)) as url:
        wallet, providers = CountingWallet(WALLET), [Rpc(url)]
        chain = SolanaChain(providers, wallet, NAMES, max_priority_lamports=MAX_PRIORITY)
        yield Desk(validator, faults, providers, wallet, chain, await chain.blockhash())
        await chain.close()
    validator.close()


def order(token_in: Token = USDC, token_out: Token = SOL, floor: int = 1, amount: int = AMOUNT) -> SolanaSwap:
    return built_swap(pool_of("raydium", token_in, token_out), token_in, token_out, amount, floor)


GOOD = pool().swap(ME, mint_of(USDC), AMOUNT, 1)


def made_of(instruction: Instruction, of: SolanaSwap | None = None) -> SolanaSwap:
    return replace(of or order(), instruction=instruction)


def token_instruction(data: bytes, *accounts: Pubkey) -> Instruction:
    """The last account is our wallet, which signs."""
    metas = [AccountMeta(one, is_signer=False, is_writable=True) for one in accounts]
    return Instruction(TOKEN, data, [*metas, AccountMeta(ME, is_signer=True, is_writable=False)])


def lamports(number: int, to: Pubkey) -> Instruction:
    return transfer(TransferParams(from_pubkey=ME, to_pubkey=to, lamports=number))


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
            pool_of("raydium", RAY, SOL).swap(ME, mint_of(RAY), AMOUNT, 1), "another token account", id="another token"
        ),
    ],
)
async def test_a_swap_that_is_not_the_order_is_refused(desk: Desk, instruction: Instruction, reason: str) -> None:
    assert reason in await desk.refuses(made_of(instruction))


async def test_a_program_that_brings_less_than_it_promises_is_refused(desk: Desk) -> None:
    """As a program would whose instruction says one thing and does another."""
    lied = replace(NAMES, forms={str(GOOD.program_id): {b"": lambda _: (AMOUNT, 2**64 - 1)}})
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


async def test_a_swap_that_pays_a_stranger_is_refused(desk: Desk) -> None:
    buying = pool().swap(ME, mint_of(SOL), AMOUNT, 1)
    accounts = list(buying.accounts)
    accounts[4] = AccountMeta(THEIR_USDC, is_signer=False, is_writable=True)
    stolen = Instruction(buying.program_id, bytes(buying.data), accounts)
    assert "minimum" in await desk.refuses(made_of(stolen, of=order(SOL, USDC)))


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


@pytest.mark.parametrize("closer", [True, False])
@pytest.mark.parametrize("bought", [USDC, SOL])
async def test_only_the_associated_account_of_the_wallet_is_paid(desk: Desk, bought: Token, closer: bool) -> None:
    """Another one may be taken back before the swap lands, and no later order could spend what is in it."""
    sold = SOL if bought == USDC else USDC
    buying = pool().swap(ME, mint_of(sold), AMOUNT, 1)
    accounts = list(buying.accounts)
    given = given_to_us(desk.validator, mint_of(bought), closer=closer)
    accounts[4] = AccountMeta(given, is_signer=False, is_writable=True)
    elsewhere = Instruction(buying.program_id, bytes(buying.data), accounts)
    assert f"another token account of the wallet, {given}" in await desk.refuses(
        made_of(elsewhere, of=order(sold, bought))
    )


async def test_a_token_that_the_chain_does_not_know_is_not_traded(desk: Desk) -> None:
    unknown = replace(order(), route=("USDC", "XYZZY"))
    with pytest.raises(DexError, match="unsupported_pair"):
        await desk.sign(unknown)


@pytest.mark.parametrize(("token_in", "token_out"), [(SOL, USDC), (USDC, SOL), (RAY, SOL), (SOL, RAY)])
async def test_a_good_swap_is_signed_and_lands_and_wrapped_sol_is_unwrapped(
    desk: Desk, token_in: Token, token_out: Token
) -> None:
    wrapped = token_account(ME, NATIVE_MINT)
    land(desk.validator, [create_token_account(ME, ME, NATIVE_MINT), lamports(10**7, wrapped)])
    of = pool_of("raydium", token_in, token_out)
    signed = await desk.sign(built_swap(of, token_in, token_out, AMOUNT, 1))
    assert desk.validator.submit(signed.payload)
    assert desk.validator.landed[signed.signature].error is None
    assert desk.validator.account(wrapped) is None


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
    check_changes(BEFORE, BEFORE, wallet=ME, own={ME, MY_USDC}, swap=swap, mints=mints, fee=0)
    with pytest.raises(DexError, match="unsafe_transaction"):
        check_changes(BEFORE, BEFORE | after, wallet=ME, own={ME, MY_USDC}, swap=swap, mints=mints, fee=0)
