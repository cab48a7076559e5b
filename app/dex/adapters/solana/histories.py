"""The swaps of our wallets, as all providers tell them together.

One provider may leave some out: its index is short, it is behind, or it does not want to tell. An order whose swap was
left out would be paid again. So there is what any of them tells, and the others are asked about it by its signature.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from app.dex.adapters.solana.history import History, Places
from app.dex.adapters.solana.names import Names
from app.dex.adapters.solana.reading import PROOFS, enough_of, finalized
from app.dex.adapters.solana.rpc import Rpc
from app.dex.chain import FoundSwap

log = logging.getLogger("engine.chain")

Told = Mapping[History, Sequence[FoundSwap]]


class Histories:
    def __init__(self, providers: Sequence[Rpc], wallets: Sequence[str], names: Names) -> None:
        self._histories = [History(rpc, wallets, names) for rpc in providers]
        self._proofs = min(PROOFS, len(providers))
        self.slot = 0  # finalized: the newest are not read from a node that has not seen it
        # By the last signature of a page, where each provider goes on. What one of them says moves no other one on.
        self._places: dict[str, Mapping[History, Places]] = {}

    async def find(self, about: Sequence[str], since: float) -> tuple[int, list[FoundSwap]]:
        """The oldest first, and the height that `PROOFS` providers have reached."""

        async def ask(history: History) -> tuple[History, int, list[FoundSwap]]:
            return history, *await history.find(about, since)

        answers = await enough_of([partial(ask, one) for one in self._histories])
        height = sorted(height for _, height, _ in answers)[-self._proofs]
        return height, (await self._agreed({history: swaps for history, _, swaps in answers}))[::-1]

    async def newest(self, limit: int, before: str | None) -> list[FoundSwap]:
        """At most so many of each provider and wallet."""
        seen = await enough_of([partial(finalized, history.rpc) for history in self._histories])
        self.slot = max(self.slot, sorted(slot for _, slot in seen)[-self._proofs])
        places = self._places[before] if before else {}

        async def ask(history: History) -> tuple[History, list[FoundSwap], Places]:
            return history, *await history.newest(limit, places.get(history, {}), at_slot=self.slot)

        answers = await enough_of([partial(ask, one) for one in self._histories])
        found = await self._agreed({history: swaps for history, swaps, _ in answers})
        if found:
            # One that did not answer begins anew, and so leaves nothing out.
            self._places = {found[-1].signature: {history: after for history, _, after in answers}}
        return found

    async def _agreed(self, told: Told) -> list[FoundSwap]:
        """All of them, the newest first; of one slot in the order in which a node tells them."""
        by_whom = dict[str, dict[History, FoundSwap]]()
        for history, swaps in told.items():
            for swap in swaps:
                by_whom.setdefault(swap.signature, {})[history] = swap
        found = await asyncio.gather(*(self._one(signature, known, told) for signature, known in by_whom.items()))
        if doubtful := [swap.signature for swap in found if not swap.agreed]:
            labels = {"swaps": len(doubtful), "signature": doubtful[0]}
            log.warning("too few nodes tell of swaps of ours, or they do not tell the same", extra=labels)
        return sorted(found, key=lambda swap: swap.outcome.slot if swap.outcome else 0, reverse=True)

    async def _one(self, signature: str, by_whom: Mapping[History, FoundSwap], asked: Collection[History]) -> FoundSwap:
        """As those say that know it. `agreed` if they are enough, and say the same."""
        others = await asyncio.gather(*(history.swap(signature) for history in asked if history not in by_whom))
        known = [*by_whom.values(), *(swap for swap in others if swap is not None)]
        at = max(swap.at for swap in known)
        if len(known) >= self._proofs and len({replace(swap, at=at) for swap in known}) == 1:
            return replace(known[0], at=at)
        return replace(max(known, key=_may_be_filled), at=at, agreed=False)


def _may_be_filled(swap: FoundSwap) -> bool:
    return swap.outcome is not None and swap.outcome.status == "landed"
