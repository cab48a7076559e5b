"""The swaps of our wallets as the providers tell them, read by the memos of their transactions.

One provider may leave some out: its index is short, it is behind, or it does not want to tell. An order whose swap was
left out would be paid again. So there is what any of them tells, and the others are asked about it by its signature.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from app.dex.adapters.answers import u64
from app.dex.adapters.solana.names import Names
from app.dex.adapters.solana.outcomes import (
    Row,
    accounts_of,
    changes,
    first_swaps,
    is_legacy,
    is_signed,
    memo_in,
    outcome_of,
    payer_of,
    sold_and_bought,
    time_of,
)
from app.dex.adapters.solana.reading import (
    CONFIRMED,
    PROOFS,
    TRANSACTION_OPTIONS,
    asked_again,
    enough_of,
    failures,
    finalized,
    first_height,
    reading,
)
from app.dex.adapters.solana.rpc import Rpc, RpcRefused, RpcUnanswered
from app.dex.chain import FoundSwap, Known

log = logging.getLogger("engine.chain")

PAGE = 250  # signatures in one call: with each of them a memo comes that anybody wrote, of up to 24 kB in JSON
PATIENCE_SECONDS = 5.0  # a node whose history does not end would be read without end
MIN_HISTORY = 3_000_000  # blocks, about two weeks: a node that has fewer does not tell which swaps there are not
OTHER_VERSION = -32015  # the error for a transaction of a version that is not asked for: we sign none
AT_ONCE = 8

Places = Mapping[str, str | None]
"""wallet → the signature before which its older ones begin; None: the newest."""


class History:
    """`wallets`: those that paid for our swaps, now and before."""

    def __init__(self, rpc: Rpc, wallets: Sequence[str], names: Names) -> None:
        self.rpc = rpc
        self._wallets = wallets
        self._names = names
        self._fetches = asyncio.Semaphore(AT_ONCE)
        self._seen = set[tuple[str, str]]()  # wallet and signature, in all pages since the newest

    async def find(self, about: Sequence[str], since: float) -> tuple[int, list[FoundSwap]]:
        """The height, and those whose memo begins with one of these words. None of them is older than `since`."""
        height, slot = await finalized(self.rpc)
        wanted, rows = set(about), list[Row]()
        for wallet in self._wallets:
            before = None
            while page := await self._page(wallet, before, at_slot=slot):
                rows += [row for row in page if row.about in wanted]
                if page[-1].at is not None and page[-1].at < since:
                    break
                before = page[-1].signature
        first = await asked_again(self.rpc, partial(first_height, self.rpc))
        if first > max(height - MIN_HISTORY, 0):
            raise RpcUnanswered("The node has too short a history to tell which swaps there are not.")
        return height, [swap for swap in await self._swaps(rows) if swap.about in wanted]

    async def newest(
        self, limit: int, places: Places, last: str | None, known: Known | None, *, at_slot: int
    ) -> tuple[list[FoundSwap], Places]:
        """At most so many of each wallet, the newest first, and where the older ones begin. `last`: the first signature
        that is not read any more. `at_slot`: a node that has not seen it yet tells nothing.

        One that tells a swap twice would be read without end.
        """
        found, after, told = list[FoundSwap](), dict[str, str | None](), list[tuple[str, str]]()
        self._seen = self._seen if places else set()
        for wallet in self._wallets:
            swaps, after[wallet] = await self._newest(wallet, limit, places.get(wallet), last, known, at_slot)
            found += swaps
            told += [(wallet, swap.signature) for swap in swaps]
        if len({*told}) < len(told) or not self._seen.isdisjoint(told):
            raise RpcUnanswered("The node tells a transaction twice.")
        self._seen.update(told)
        return found, after

    async def _newest(
        self, wallet: str, limit: int, before: str | None, last: str | None, known: Known | None, at_slot: int
    ) -> tuple[list[FoundSwap], str | None]:
        swaps = list[FoundSwap]()
        # A page of strangers' transactions does not end the history.
        while len(swaps) < limit and (page := await self._page(wallet, before, last, at_slot=at_slot)):
            while page and len(swaps) < limit:
                # No more at once than are missing, because each takes a call. Those of strangers take none.
                some = first_swaps(page, limit - len(swaps))
                swaps += await self._swaps(page[:some], known)
                before, page = page[some - 1].signature, page[some:]
        return swaps, before

    async def _page(self, wallet: str, before: str | None, last: str | None = None, *, at_slot: int) -> list[Row]:
        options: dict[str, Any] = {**CONFIRMED, "limit": PAGE, "minContextSlot": at_slot}  # a node behind refuses
        options |= {name: one for name, one in (("before", before), ("until", last)) if one is not None}
        try:
            page = await self._call("getSignaturesForAddress", wallet, options)
        except RpcRefused:
            if last is None:
                raise
            return await self._page(wallet, before, at_slot=at_slot)  # it may not know that signature
        with reading("getSignaturesForAddress"):
            return [Row.read(row) for row in page]

    async def _call(self, method: str, *params: Any) -> Any:
        return await asked_again(self.rpc, partial(self.rpc.call, method, *params))

    async def _swaps(self, rows: Sequence[Row], known: Known | None = None) -> list[FoundSwap]:
        rows = [row for row in rows if row.memo is not None]
        skipped = await known({row.signature: row.about for row in rows}) if known else ()
        found = await asyncio.gather(*(self._swap(row, is_known=row.signature in skipped) for row in rows))
        return [swap for swap in found if swap is not None]

    async def _swap(self, row: Row, *, is_known: bool) -> FoundSwap | None:
        """None: somebody else's transaction."""
        if is_known:
            return row.unread()
        try:
            answer = await self._transaction(row.signature)
        except RpcRefused as refused:
            if refused.number == OTHER_VERSION:
                return None
            raise
        if answer is None:
            raise RpcUnanswered("The node tells a signature, and does not have its transaction yet.")
        return self._read(answer, row.signature)

    async def swap(self, signature: str) -> FoundSwap | None:
        """What this provider says about a swap that another one has told. None: it does not know it."""
        answer = await self._transaction(signature)
        return None if answer is None else self._read(answer, signature)

    async def _transaction(self, signature: str) -> Mapping[str, Any] | None:
        async with self._fetches:
            answer: Mapping[str, Any] | None = await self._call("getTransaction", signature, TRANSACTION_OPTIONS)
            return answer

    def _read(self, answer: Mapping[str, Any], signature: str) -> FoundSwap | None:
        with reading("getTransaction"):
            wallet, memo = payer_of(answer), memo_in(answer)
            if wallet not in self._wallets or memo is None:
                return None
            if not is_signed(answer, signature):
                raise RpcUnanswered("The node tells a transaction that our wallet has not signed.")
            if is_legacy(answer):  # somebody paid with our wallet by other means
                return None
            moved = changes(answer)
            sold, bought = (sold_and_bought(answer, moved) if answer["meta"]["err"] is None else None) or (None, None)
            spent = -moved.get(sold or "", 0)
            venues = (self._names.pools.get(account) for account in accounts_of(answer))
            return FoundSwap(
                memo=memo,
                signature=signature,
                at=time.time() if (at := time_of(answer)) is None else at,
                outcome=outcome_of(answer, self._names.own_errors),
                venue=next((venue for venue in venues if venue is not None), None),
                token_in=self._names.symbols.get(sold or ""),
                token_out=self._names.symbols.get(bought or ""),
                amount_in=u64(spent) if spent > 0 else None,
            )


class Histories:
    def __init__(self, providers: Sequence[Rpc], wallets: Sequence[str], names: Names) -> None:
        self._histories = [History(rpc, wallets, names) for rpc in providers]
        self._proofs = min(PROOFS, len(providers))
        self.slot = 0  # finalized: the newest are not read from a node that has not seen it
        # By the last signature of a page, where each provider goes on. What one of them says moves no other one on.
        self._places: dict[str, Mapping[History, Places]] = {}

    async def find(self, about: Sequence[str], *, since: float = 0.0) -> tuple[int, list[FoundSwap]]:
        """The oldest first, and the height that `PROOFS` providers have reached."""

        async def ask(history: History) -> tuple[History, int, list[FoundSwap]]:
            return history, *await history.find(about, since)

        answers = await enough_of([partial(ask, one) for one in self._histories], patience=PATIENCE_SECONDS)
        height = sorted(height for _, height, _ in answers)[-self._proofs]
        return height, (await self._agreed({history: swaps for history, _, swaps in answers}))[::-1]

    async def newest(
        self, limit: int, *, before: str | None = None, after: str | None = None, known: Known | None = None
    ) -> list[FoundSwap]:
        """At most so many of each provider and wallet."""
        seen = await enough_of([partial(finalized, history.rpc) for history in self._histories])
        self.slot = max(self.slot, sorted(slot for _, slot in seen)[-self._proofs])
        places = self._places[before] if before else {}

        async def ask(history: History) -> tuple[History, list[FoundSwap], Places]:
            return history, *await history.newest(limit, places.get(history, {}), after, known, at_slot=self.slot)

        answers = await enough_of([partial(ask, one) for one in self._histories], patience=PATIENCE_SECONDS)
        found = await self._agreed({history: swaps for history, swaps, _ in answers})
        if found:
            # One that did not answer goes on where it was.
            self._places = {found[-1].signature: {**places, **{history: older for history, _, older in answers}}}
        return found

    async def _agreed(self, told: Mapping[History, Sequence[FoundSwap]]) -> list[FoundSwap]:
        """All of them, the newest first; of one second in the order in which a node tells them."""
        by_whom = dict[str, dict[History, FoundSwap]]()
        for history, swaps in told.items():
            for swap in swaps:
                by_whom.setdefault(swap.signature, {})[history] = swap
        found = await asyncio.gather(*(self._one(signature, known, told) for signature, known in by_whom.items()))
        if doubtful := [swap.signature for swap in found if not swap.agreed]:
            labels = {"swaps": len(doubtful), "signature": doubtful[0]}
            log.warning("too few nodes tell of swaps of ours, or they do not tell the same", extra=labels)
        return sorted(found, key=lambda swap: swap.at, reverse=True)

    async def _one(self, signature: str, by_whom: Mapping[History, FoundSwap], asked: Collection[History]) -> FoundSwap:
        """As enough of those say alike that know it. Only as long as they do not, the others are asked."""
        if unread := [swap for swap in by_whom.values() if swap.is_known]:
            return self._alike(unread) or replace(max(unread, key=lambda swap: swap.at), agreed=False)
        if told := self._alike([*by_whom.values()]):
            return told
        asks = [history.swap(signature) for history in asked if history not in by_whom]
        others = await asyncio.gather(*asks, return_exceptions=True)
        known = [*by_whom.values(), *(swap for swap in others if isinstance(swap, FoundSwap))]
        if (failed := failures(others)) and len(known) < self._proofs:
            raise failed[0]
        if told := self._alike(known):
            return told
        at = max(swap.at for swap in known)  # it counts in the day of this time
        known = [replace(swap, at=at) for swap in known]
        return self._alike(known) or replace(max(known, key=lambda swap: swap.has_landed), agreed=False)

    def _alike(self, known: Sequence[FoundSwap]) -> FoundSwap | None:
        return next((swap for swap in known if known.count(swap) >= self._proofs), None)
