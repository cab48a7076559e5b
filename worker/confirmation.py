"""Swaps on their way: one look at the chain for all of them, however many there are."""

import asyncio
import logging

from app.dex.chain import Chain, SignedSwap, Snapshot, verdict
from app.dex.errors import DexError

log = logging.getLogger("engine.execution")

LOOK_EVERY = 0.05  # seconds, while any swap is awaited
LOOKED_AT_ONCE = 256  # as many as a Solana node answers for in one call


class Confirmations:
    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._awaited: dict[str, tuple[SignedSwap, asyncio.Future[Snapshot]]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def of(self, signed: SignedSwap, *, within: float) -> Snapshot | None:
        """How it ended, as soon as it has; None: nothing was seen in so many seconds.

        Or a snapshot without an outcome, above its last valid height: then it is worth asking for proof.
        """
        seen: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._awaited[signed.signature] = signed, seen
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(within):
                return await seen
        except TimeoutError:
            return None
        finally:
            del self._awaited[signed.signature]

    async def _look(self) -> None:
        try:
            while self._awaited:
                await asyncio.sleep(LOOK_EVERY)
                awaited = list(self._awaited.values())
                for start in range(0, len(awaited), LOOKED_AT_ONCE):
                    await self._look_at(awaited[start : start + LOOKED_AT_ONCE])
        finally:
            self._looking = None

    async def _look_at(self, awaited: list[tuple[SignedSwap, asyncio.Future[Snapshot]]]) -> None:
        try:
            height, ended = await self._chain.ended([signed.signature for signed, _ in awaited])
        except DexError as error:
            log.warning("the chain did not answer", extra={"code": error.code, "awaited": len(awaited)})
            return
        for signed, seen in awaited:
            snapshot = Snapshot(height, ended.get(signed.signature))
            if verdict(snapshot, signed.last_valid_height) != "unknown" and not seen.done():
                seen.set_result(snapshot)
