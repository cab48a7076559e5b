"""The swaps of our wallet as the chain tells them, read by the memos of its transactions."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from app.dex.adapters.solana.names import Names
from app.dex.adapters.solana.outcomes import accounts_of, changes, outcome_of
from app.dex.adapters.solana.reading import CONFIRMED, TRANSACTION_OPTIONS, finalized, first_height, reading
from app.dex.adapters.solana.rpc import Rpc, RpcUnanswered
from app.dex.chain import FoundSwap

PAGE = 1000  # signatures: as many as a node gives in one call
MIN_HISTORY = 3_000_000  # blocks, about two weeks: a node that has fewer does not tell which swaps there are not
AT_ONCE = 8

_SIZE = re.compile(r"^\[\d+\] ")  # before each memo that a node tells
_ATTEMPT = re.compile(r" #\d+$")


def memo_text(memo: str, attempt: int) -> str:
    """What is written on chain, so that two attempts are two transactions."""
    return f"{memo} #{attempt}"


class History:
    """As one provider tells it."""

    def __init__(self, rpc: Rpc, wallet: str, names: Names) -> None:
        self._rpc = rpc
        self._wallet = wallet
        self._names = names
        self._fetches = asyncio.Semaphore(AT_ONCE)

    async def find(self, about: Sequence[str]) -> tuple[int, list[FoundSwap]]:
        height, slot = await finalized(self._rpc)
        wanted, rows, before = set(about), [], None
        while page := await self._page(PAGE, before, at_slot=slot):
            rows += [row for row in page if (memo_of(row) or "").partition(" ")[0] in wanted]
            before = page[-1]["signature"]
        first = await first_height(self._rpc)
        if first > max(height - MIN_HISTORY, 0):
            raise RpcUnanswered("The node has too short a history to tell which swaps there are not.")
        return height, await self._swaps(rows[::-1])

    async def newest(self, limit: int, before: str | None) -> list[FoundSwap]:
        swaps: list[FoundSwap] = []
        # Everybody can name our wallet in a transaction: a page of strangers' ones does not end the history.
        while len(swaps) < limit and (page := await self._page(limit, before)):
            swaps += await self._swaps(page)
            before = page[-1]["signature"]
        return swaps[:limit]

    async def _page(self, limit: int, before: str | None, *, at_slot: int | None = None) -> list[Any]:
        options: dict[str, Any] = {**CONFIRMED, "limit": limit}
        if before is not None:
            options["before"] = before
        if at_slot is not None:
            options["minContextSlot"] = at_slot  # a node that is behind refuses
        page = await self._rpc.call("getSignaturesForAddress", self._wallet, options)
        with reading("getSignaturesForAddress"):
            return [{name: row[name] for name in ("signature", "memo", "blockTime")} for row in page]

    async def _swaps(self, rows: Sequence[Any]) -> list[FoundSwap]:
        found = await asyncio.gather(*(self._swap(row) for row in rows if memo_of(row) is not None))
        return [swap for swap in found if swap is not None]

    async def _swap(self, row: Any) -> FoundSwap | None:
        """None: somebody else's transaction. Everybody can name our wallet in one, and write any memo."""
        async with self._fetches:
            answer = await self._rpc.call("getTransaction", row["signature"], TRANSACTION_OPTIONS)
        if answer is None:
            raise RpcUnanswered("The node tells a signature, and does not have its transaction yet.")
        with reading("getTransaction"):
            if answer["transaction"]["message"]["accountKeys"][0] != self._wallet:
                return None
            moved = {mint: change for mint, change in changes(answer["meta"], self._wallet).items() if change}
            sold = [mint for mint, change in moved.items() if change < 0]
            bought = [mint for mint, change in moved.items() if change > 0]
            if (len(sold), len(bought)) != (1, 1) or answer["meta"]["err"] is not None:
                sold = bought = []
            venues = (self._names.pools.get(account) for account in accounts_of(answer))
            return FoundSwap(
                memo=memo_of(row) or "",
                signature=row["signature"],
                at=float(row["blockTime"] or 0),
                outcome=outcome_of(answer, self._wallet, self._names.own_errors),
                venue=next((venue for venue in venues if venue is not None), None),
                token_in=self._names.symbols.get(sold[0]) if sold else None,
                token_out=self._names.symbols.get(bought[0]) if bought else None,
                amount_in=-moved[sold[0]] if sold else None,
            )


def memo_of(row: Any) -> str | None:
    """The memo that was signed for; None: the transaction is not a swap of ours."""
    text = _SIZE.sub("", row["memo"] or "")
    return _ATTEMPT.sub("", text) if _ATTEMPT.search(text) else None
