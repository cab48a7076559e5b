"""Follows submitted swaps until they end, with one query for all of them.

- At most one query is in flight, however many swaps are pending. None is made while none is pending.
- An error of the chain proves nothing: the next query asks again.
- An outcome that comes after its receiver has left, to send the swap again, is kept until it comes back.
- A snapshot without an outcome, above the last valid height, is a hint only. Its receiver asks the chain for proof.
"""

import asyncio
import logging

from app.dex.chain import Chain, SignedSwap, Snapshot, verdict
from app.dex.errors import DexError

log = logging.getLogger("engine.execution")

MAX_LATE = 1_000
MAX_PER_QUERY = 256  # signatures: as many as a Solana node accepts in one call


class Confirmations:
    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._pending: dict[str, tuple[SignedSwap, asyncio.Future[Snapshot]]] = {}
        self._late: dict[str, Snapshot] = {}
        self._polling: asyncio.Task[None] | None = None

    async def wait(self, signed: SignedSwap, *, within: float) -> Snapshot | None:
        """The first snapshot in which the swap has ended or seems to have expired; None after `within` seconds."""
        if (late := self._late.pop(signed.signature, None)) is not None:
            return late
        result: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._pending[signed.signature] = signed, result
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(within):
                return await result
        except TimeoutError:
            return None
        finally:
            del self._pending[signed.signature]

    async def _poll(self) -> None:
        try:
            while self._pending:
                await asyncio.sleep(self._chain.poll_seconds)
                pending = [signed for signed, _ in self._pending.values()]
                for start in range(0, len(pending), MAX_PER_QUERY):
                    await self._query(pending[start : start + MAX_PER_QUERY])
        finally:
            self._polling = None

    async def _query(self, pending: list[SignedSwap]) -> None:
        try:
            height, ended = await self._chain.ended([signed.signature for signed in pending])
        except DexError as error:
            log.warning("the chain did not answer", extra={"code": error.code, "pending": len(pending)})
            return
        for signed in pending:
            snapshot, waiting = Snapshot(height, ended.get(signed.signature)), self._pending.get(signed.signature)
            if verdict(snapshot, signed.last_valid_height) == "unknown":
                continue
            if waiting is not None:
                if not waiting[1].done():
                    waiting[1].set_result(snapshot)
            elif snapshot.outcome is not None:
                if len(self._late) >= MAX_LATE:  # of swaps that nobody waits for again
                    self._late.clear()
                self._late[signed.signature] = snapshot
