"""A `Chain` over the JSON-RPC of one or several providers.

- A send goes to every provider; its answer proves nothing.
- `processed` is nothing yet: the block may be on a fork that dies. `confirmed` is an outcome.
- Absence is proven by one provider in this order: the finalized height; then that the signature is unknown, in its
  history too, to a node that has seen that height; then from which height it has a history at all.
- With several providers, two have to say the same before an attempt ends, whichever way: one alone could make the
  engine pay again, or believe in a fill that never was. What only one of them has seen is unknown.
"""

import asyncio
import logging
import time
from base64 import b64encode
from collections.abc import Sequence
from functools import partial
from typing import Any

from solders.message import to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from app.dex.adapters.solana.history import Histories
from app.dex.adapters.solana.inspection import SIGNATURE_FEE, check_instruction
from app.dex.adapters.solana.names import Names
from app.dex.adapters.solana.outcomes import memo_text, outcome_of
from app.dex.adapters.solana.programs import TOKEN, TOKEN_2022, token_account
from app.dex.adapters.solana.programs import memo as memo_instruction
from app.dex.adapters.solana.reading import (
    HISTORY,
    MAX_APART,
    PROOFS,
    TRANSACTION_OPTIONS,
    agreed_blockhash,
    enough_of,
    failures,
    finalized,
    first_height,
    first_of,
    in_time,
    is_over,
    proofs_of,
    reading,
    usual_price,
)
from app.dex.adapters.solana.rpc import Rpc, RpcUnanswered
from app.dex.adapters.solana.simulation import check_changes, simulate, told, units_used
from app.dex.adapters.solana.swap import MAX_UNITS, Budget, around, compile_message, solana_swap, writable
from app.dex.adapters.solana.tables import read_tables
from app.dex.adapters.solana.tokens import Tokens
from app.dex.adapters.solana.wallet import Wallet
from app.dex.chain import BLOCKHASH_LIFE, Blockhash, Outcome, SignedSwap, Snapshot
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap

log = logging.getLogger("engine.chain")

FETCHES_AT_ONCE = 8
SIMULATION_SECONDS = 8.0  # what one node has shown is old by the time another one that takes longer is done
SEND_OPTIONS = {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}
TRIAL = Budget(MAX_UNITS, 0)  # of a simulation that shows what is used


class SolanaChain:
    def __init__(
        self,
        providers: Sequence[Rpc],
        wallet: Wallet,
        names: Names,
        *,
        max_priority_lamports: int,
        poll_seconds: float = 1.0,
        dry_run: bool = False,
        former_wallets: Sequence[str] = (),
        least_block_seconds: float = 0.0,
    ) -> None:
        """`dry_run`: everything but the signature. `former_wallets`: addresses that paid before the key was changed.
        `least_block_seconds`: nodes that count blocks faster are not believed.
        """
        self._youth = BLOCKHASH_LIFE * least_block_seconds
        self._dry_run = dry_run
        self.poll_seconds = poll_seconds
        self._providers = providers
        self._proofs = min(PROOFS, len(providers))
        self._wallet = wallet
        self._names, self._programs = names, names.known
        self._tokens = Tokens(providers)
        mints = map(Pubkey.from_string, names.symbols)
        self._listed_accounts = {token_account(wallet.address, one, of) for one in mints for of in (TOKEN, TOKEN_2022)}
        self._max_priority_lamports = max_priority_lamports
        self._histories = Histories(providers, (str(wallet.address), *former_wallets), names)
        self.find, self.newest = self._histories.find, self._histories.newest
        self._fetches = asyncio.Semaphore(FETCHES_AT_ONCE)

    async def close(self) -> None:
        await asyncio.gather(*(rpc.close() for rpc in self._providers))

    async def blockhash(self) -> Blockhash:
        # Not `processed`: one such block in twenty is dropped. Not `finalized`: half a minute less to live.
        return await agreed_blockhash(self._providers)

    async def sign(self, swap: BuiltSwap, *, memo: str, attempt: int, blockhash: Blockhash) -> SignedSwap:
        """Only what passes every check: the venue's instruction, and what nodes say it would do to the wallet.

        The limit of compute is what a trial used and a fifth more, the price for it what others pay. `PROOFS` nodes
        have to accept what is then signed.
        """
        built, wallet = solana_swap(swap), self._wallet.address
        tokens = [await self._tokens.of(self._names.mint(symbol)) for symbol in built.route]
        programs = {token.mint: token.program for token in tokens}
        accounts = [token_account(wallet, token.mint, token.program) for token in tokens]
        own, ends = {wallet, *accounts}, (accounts[0], accounts[-1])
        others = self._listed_accounts - own
        check_instruction(built, wallet, self._names, ends=ends, between=accounts[1:-1], others=others)
        tables = await read_tables(self._providers, built.tables, own=own)
        whole = around(built.instruction, wallet, programs, wraps=built.amount_in if built.wrap_sol else 0)
        instructions = [*whole, memo_instruction(memo_text(memo, attempt), wallet)]

        trial = [*TRIAL.instructions(), *instructions]
        message = compile_message(wallet, trial, tables, blockhash.hash)
        errors, written = self._names.own_errors, [str(key) for key in writable(wallet, instructions)]
        least = blockhash.slot - MAX_APART  # what a node that stands still shows is the past
        units, price = await asyncio.gather(
            first_of([partial(units_used, rpc, message, trial, errors, least) for rpc in self._providers]),
            first_of([partial(usual_price, rpc, written) for rpc in self._providers]),
        )

        budget = Budget.of(units, price, self._max_priority_lamports)
        final = [*budget.instructions(), *instructions]
        message = compile_message(wallet, final, tables, blockhash.hash)
        shown = partial(simulate, own=own, programs=self._programs, at_slot=least)
        asks = [partial(shown, rpc, message, final, errors) for rpc in self._providers]
        seen = await proofs_of([partial(in_time, SIMULATION_SECONDS, ask) for ask in asks])
        mints, fee = (str(tokens[0].mint), str(tokens[-1].mint)), SIGNATURE_FEE + budget.lamports
        check = partial(check_changes, wallet=wallet, own=own, swap=built, mints=mints, fee=fee)
        for one in seen:
            check(one.before, one.after, given=one.given)
        if self._dry_run:
            more = told(seen[0], budget, wallet, own, mints)
            raise DexError("dry_run", "The swap would be signed and sent now.", more)
        data = to_bytes_versioned(message)
        signature = Signature.from_bytes(await self._wallet.sign(data))
        if not signature.verify(wallet, data):
            raise DexError("unsafe_transaction", "The signature is not that of the wallet.")
        payload = bytes(VersionedTransaction.populate(message, [signature]))
        young_until = time.time() + self._youth
        return SignedSwap(str(signature), payload, blockhash.last_valid_height, swap.venue, young_until)

    async def send(self, signed: SignedSwap, *, not_after: float) -> None:
        try:
            transaction = VersionedTransaction.from_bytes(signed.payload)
        except ValueError as error:
            raise DexError("outcome_unknown", "The chain cannot read this transaction.") from error
        if [str(one) for one in transaction.signatures] != [signed.signature]:
            raise DexError("outcome_unknown", "The transaction has another signature.")
        text = b64encode(signed.payload).decode()
        answers = await asyncio.gather(
            *(self._send(rpc, text, not_after) for rpc in self._providers), return_exceptions=True
        )
        failed = failures(answers)
        if len(failed) == len(answers):
            raise DexError("outcome_unknown", "No node confirmed that it has the transaction.") from failed[0]

    async def _send(self, rpc: Rpc, text: str, not_after: float) -> None:
        seconds = not_after - time.monotonic()
        if seconds <= 0:
            raise DexError("outcome_unknown", "Too late to send it.")
        await rpc.call("sendTransaction", text, SEND_OPTIONS, within=seconds)

    async def ended(self, signatures: Sequence[str]) -> tuple[int, dict[str, Outcome]]:
        """The height that `PROOFS` providers have reached, and the outcomes that as many tell alike."""
        told = await enough_of([partial(self._ended, rpc, signatures) for rpc in self._providers])
        height, slot = sorted(reached for reached, _ in told)[-self._proofs]
        self._histories.slot = max(self._histories.slot, slot)
        found = {one: [outcomes[one] for _, outcomes in told if one in outcomes] for one in signatures}
        agreed = {one: self._agreed(one, outcomes) for one, outcomes in found.items()}
        return height, {one: outcome for one, outcome in agreed.items() if outcome is not None}

    async def _ended(self, rpc: Rpc, signatures: Sequence[str]) -> tuple[tuple[int, int], dict[str, Outcome]]:
        """With height and slot."""
        reached = await finalized(rpc)
        statuses = await self._statuses(rpc, signatures) if signatures else []
        over = [one for one, status in zip(signatures, statuses, strict=True) if is_over(status)]
        found = await asyncio.gather(*(self._outcome(rpc, one) for one in over))
        return reached, {one: outcome for one, outcome in zip(over, found, strict=True) if outcome is not None}

    async def not_final(self, signatures: Sequence[str]) -> list[str]:
        """Those that too few nodes call finalized."""
        told = await enough_of([partial(self._final, rpc, signatures) for rpc in self._providers])
        return [one for one in signatures if sum(one in final for final in told) < self._proofs]

    async def _final(self, rpc: Rpc, signatures: Sequence[str]) -> set[str]:
        statuses = zip(signatures, await self._statuses(rpc, signatures, HISTORY), strict=True)
        with reading("getSignatureStatuses"):
            return {one for one, status in statuses if status and status["confirmationStatus"] == "finalized"}

    async def ask(self, signature: str) -> Snapshot:
        seen = await enough_of([partial(self._look, rpc, signature) for rpc in self._providers])
        if outcomes := [look.outcome for look in seen if look.outcome is not None]:
            height = min(look.height for look in seen)
            return Snapshot(height, self._agreed(signature, outcomes), since=height)
        # One of three that stands still, or has a short history, proves nothing and hinders nobody.
        reached = sorted(look.height for look in seen)[-self._proofs] - MAX_APART
        seen = sorted((look for look in seen if look.height >= reached), key=lambda look: look.since)[: self._proofs]
        # The last valid height may be that of a block so far above the one of the blockhash.
        return Snapshot(min(look.height for look in seen), None, (since := seen[-1].since) and since + MAX_APART)

    def _agreed(self, signature: str, outcomes: Sequence[Outcome]) -> Outcome | None:
        """What enough of them say alike. None proves nothing."""
        if len(set(outcomes)) > 1:
            log.error("the nodes disagree about a transaction", extra={"signature": signature})
        return next((one for one in outcomes if outcomes.count(one) >= self._proofs), None)

    async def _look(self, rpc: Rpc, signature: str) -> Snapshot:
        """What one provider knows. The order of the calls is the proof."""
        height, slot = await finalized(rpc)
        [status] = await self._statuses(rpc, [signature], HISTORY, at_slot=slot)
        if is_over(status):
            outcome = await self._outcome(rpc, signature)
            if outcome is None:
                raise RpcUnanswered("The node knows the status of the transaction, and not yet what it did.")
            return Snapshot(height, outcome)
        if status is not None:
            return Snapshot(height, None, since=height)  # in a block that may be dropped: this proves nothing
        return Snapshot(height, None, since=await first_height(rpc))

    async def _statuses(self, rpc: Rpc, signatures: Sequence[str], *options: Any, at_slot: int = 0) -> list[Any]:
        answer = await rpc.call("getSignatureStatuses", list(signatures), *options)
        with reading("getSignatureStatuses"):
            if int(answer["context"]["slot"]) < at_slot:
                raise RpcUnanswered("The node that told the status is behind the one that told the height.")
            statuses = list(answer["value"])
            if len(statuses) != len(signatures):
                raise ValueError("one status for each signature")
            return statuses

    async def _outcome(self, rpc: Rpc, signature: str) -> Outcome | None:
        """None: the node does not have the transaction yet."""
        async with self._fetches:
            answer = await rpc.call("getTransaction", signature, TRANSACTION_OPTIONS)
        if answer is None:
            return None
        with reading("getTransaction"):
            return outcome_of(answer, self._names.own_errors)
