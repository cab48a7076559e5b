"""A Solana chain in one process: the real virtual machine (LiteSVM), with the time around it that LiteSVM lacks.

- A transaction is executed in the block in which it arrives. Time passes by the clock, not by transactions.
- 151 blockhashes are good at any time. A signature lands once.
- Whatever landed is in the journal before it is answered. Opened again, the chain is where it was.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.account import Account
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.message import Message, MessageV0, MessageV1
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata

from app.dex.adapters.solana.programs import LOOKUP_TABLE, MEMO, NATIVE_MINT, TOKEN, TOKEN_ACCOUNT_SIZE
from app.dex.chain import BLOCKHASH_LIFE
from app.localnet.clock import BlockClock, now_ms, slot_of
from app.localnet.journal import Journal

DECIMALS_AT = 44  # in the data of a mint
AMOUNT_AT = 64  # in that of a token account
TABLE_HEAD = 56  # bytes before the addresses of a lookup table


@dataclass(frozen=True, slots=True)
class TokenBalance:
    mint: Pubkey
    owner: Pubkey
    amount: int
    decimals: int


@dataclass(frozen=True, slots=True)
class Balances:
    """Of all accounts of a transaction, in its order."""

    lamports: tuple[int, ...]
    tokens: Mapping[int, TokenBalance]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The accounts that a transaction names through lookup tables."""

    writable: tuple[Pubkey, ...] = ()
    readonly: tuple[Pubkey, ...] = ()


@dataclass(frozen=True, slots=True)
class Landed:
    """A transaction in a block, successful or not."""

    signature: str
    raw: bytes
    height: int
    error: Any  # in the form of the JSON-RPC; None: successful
    fee: int
    units: int
    logs: Sequence[str]
    keys: Sequence[Pubkey]  # that stand in it
    loaded: Loaded
    memos: Sequence[str]
    before: Balances
    after: Balances

    @property
    def slot(self) -> int:
        return slot_of(self.height)


@dataclass(frozen=True, slots=True)
class Simulated:
    error: Any
    units: int
    logs: Sequence[str]
    accounts: Mapping[Pubkey, Account]  # those that it changed


class Validator:
    def __init__(
        self,
        genesis: Mapping[Pubkey, Account],
        programs: Mapping[Pubkey, bytes],
        *,
        journal: Journal,
        block_ms: int = 400,
    ) -> None:
        genesis_ms, block_ms, records = journal.open(now_ms(), block_ms)
        self.clock = BlockClock(genesis_ms, block_ms)
        self.landed: dict[str, Landed] = {}  # by signature, oldest first
        self._journal = journal
        # The blockhash check is the clock's: LiteSVM knows one blockhash at a time.
        self._svm = LiteSVM().with_blockhash_check(False).with_transaction_history(0).with_sigverify(False)
        for address, program in programs.items():
            self._svm.add_program(address, program)
        for address, account in genesis.items():
            self._svm.set_account(address, account)
        for record in records:
            if record.kind == "skip":
                self.clock.skipped = record.number
            elif record.kind == "balances":
                self._set(json.loads(record.data))
            else:
                self._execute(VersionedTransaction.from_bytes(record.data), record.data, record.number)
        self._svm.with_sigverify(True)

    @staticmethod
    def open(
        path: Path, genesis: Mapping[Pubkey, Account], programs: Mapping[Pubkey, bytes], *, block_ms: int
    ) -> "Validator":
        return Validator(genesis, programs, journal=Journal(path), block_ms=block_ms)

    def close(self) -> None:
        self._journal.close()

    def skip(self, blocks: int) -> None:
        """Let that many blocks pass at once."""
        self._journal.skip(self.clock.skipped + blocks)
        self.clock.skipped += blocks

    def set_balances(self, amounts: Mapping[str, int]) -> None:
        """What token accounts hold from now on, without a transaction. `ValueError`: one is no token account."""
        self._set(amounts)
        self._journal.balances(self.clock.height, amounts)

    def _set(self, amounts: Mapping[str, int]) -> None:
        changed = {}
        for address, amount in amounts.items():
            account = self.account(key := Pubkey.from_string(address))
            held = self.token_balance(account) if account else None
            if account is None or held is None or not 0 <= amount < 2**64:
                raise ValueError(f"{address} is no token account, or {amount} no balance")
            data = bytearray(account.data)
            struct.pack_into("<Q", data, AMOUNT_AT, amount)
            wrapped = amount - held.amount if held.mint == NATIVE_MINT else 0
            changed[key] = Account(account.lamports + wrapped, bytes(data), TOKEN)
        for key, account in changed.items():
            self._svm.set_account(key, account)

    def latest_blockhash(self, height: int) -> tuple[str, int]:
        """The blockhash of a height, and the last height at which it is good."""
        return str(Hash.from_bytes(self.clock.blockhash(height))), height + BLOCKHASH_LIFE

    def submit(self, raw: bytes) -> bool:
        """Whether it is in a block now. Without a block nothing is known of it, as on a real chain."""
        transaction = VersionedTransaction.from_bytes(raw)
        if str(transaction.signatures[0]) in self.landed:
            return False
        if self.clock.height_of_blockhash(bytes(transaction.message.recent_blockhash)) is None:
            return False
        return self._execute(transaction, raw, self.clock.height, write=True)

    def simulate(self, raw: bytes, *, verify: bool, replace_blockhash: bool) -> Simulated:
        transaction = VersionedTransaction.from_bytes(raw)
        known = self.clock.height_of_blockhash(bytes(transaction.message.recent_blockhash)) is not None
        if not known and not replace_blockhash:
            return Simulated("BlockhashNotFound", 0, (), {})
        self._svm.warp_to_slot(slot_of(self.clock.height))
        self._svm.with_sigverify(verify)
        try:
            done = self._svm.simulate_transaction(transaction)
        finally:
            self._svm.with_sigverify(True)
        meta = done.meta()
        if isinstance(done, FailedTransactionMetadata):
            return Simulated(_error(done), meta.compute_units_consumed(), meta.logs(), {})
        return Simulated(None, meta.compute_units_consumed(), meta.logs(), dict(done.post_accounts()))

    def account(self, address: Pubkey) -> Account | None:
        account = self._svm.get_account(address)
        return account if account is not None and account.lamports else None

    def _execute(self, transaction: VersionedTransaction, raw: bytes, height: int, *, write: bool = False) -> bool:
        message = transaction.message
        keys, loaded = message.account_keys, self._loaded(message)
        everything = [*keys, *loaded.writable, *loaded.readonly]
        self._svm.warp_to_slot(slot_of(height))
        before = self._balances(everything)
        done = self._svm.send_transaction(transaction)
        failed = isinstance(done, FailedTransactionMetadata)
        meta = done.meta() if isinstance(done, FailedTransactionMetadata) else done
        if failed and not meta.logs():
            return False  # never in a block: a wrong signature, nobody who can pay the fee
        if write:
            self._journal.transaction(height, raw)
        signature = str(transaction.signatures[0])
        self.landed[signature] = Landed(
            signature,
            raw,
            height,
            _error(done) if isinstance(done, FailedTransactionMetadata) else None,
            meta.fee(),
            meta.compute_units_consumed(),
            meta.logs(),
            keys,
            loaded,
            [
                bytes(instruction.data).decode(errors="replace")
                for instruction in message.instructions
                if keys[instruction.program_id_index] == MEMO
            ],
            before,
            self._balances(everything),
        )
        return True

    def _loaded(self, message: Message | MessageV0 | MessageV1) -> Loaded:
        writable: list[Pubkey] = []
        readonly: list[Pubkey] = []
        for lookup in message.address_table_lookups if isinstance(message, MessageV0) else ():
            table = self._svm.get_account(lookup.account_key)
            if table is not None and table.owner == LOOKUP_TABLE:
                data = bytes(table.data)[TABLE_HEAD:]
                addresses = [Pubkey.from_bytes(data[at : at + 32]) for at in range(0, len(data), 32)]
                writable += [addresses[i] for i in lookup.writable_indexes if i < len(addresses)]
                readonly += [addresses[i] for i in lookup.readonly_indexes if i < len(addresses)]
        return Loaded(tuple(writable), tuple(readonly))

    def _balances(self, keys: Sequence[Pubkey]) -> Balances:
        accounts = [self._svm.get_account(key) for key in keys]
        tokens = {
            index: balance
            for index, account in enumerate(accounts)
            if account is not None and (balance := self.token_balance(account)) is not None
        }
        return Balances(tuple(account.lamports if account else 0 for account in accounts), tokens)

    def token_balance(self, account: Account) -> TokenBalance | None:
        """What a token account holds. None: it is something else."""
        if account.owner != TOKEN or len(account.data) != TOKEN_ACCOUNT_SIZE:
            return None
        data = bytes(account.data)
        mint, owner = Pubkey.from_bytes(data[:32]), Pubkey.from_bytes(data[32:64])
        minted = self._svm.get_account(mint)
        [amount] = struct.unpack_from("<Q", data, AMOUNT_AT)
        return TokenBalance(mint, owner, amount, minted.data[DECIMALS_AT] if minted else 0)


def _error(failed: FailedTransactionMetadata) -> Any:
    return json.loads(failed.to_json())["err"]
