"""The time of the local chain: heights and slots are functions of the wall clock, so a restart loses neither."""

import time
from collections.abc import Callable
from hashlib import sha256

from app.dex.chain import BLOCKHASH_LIFE

FIRST_HEIGHT = 1_000  # of a new chain; the blocks below it are empty
FIRST_SKIPPED = 50  # slots without a block, before the first height
SKIPPED_EVERY = 20  # blocks: one slot in about twenty has no block


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def slot_of(height: int) -> int:
    return height + height // SKIPPED_EVERY + FIRST_SKIPPED


def height_of(slot: int) -> int | None:
    """None: the slot was skipped."""
    guess = (slot - FIRST_SKIPPED) * SKIPPED_EVERY // (SKIPPED_EVERY + 1)
    return next((height for height in (guess - 1, guess, guess + 1) if slot_of(height) == slot), None)


class BlockClock:
    """Heights since a genesis, and their blockhashes."""

    def __init__(self, genesis_ms: int, block_ms: int, now: Callable[[], int] = now_ms) -> None:
        self.genesis_ms = genesis_ms
        self.block_ms = block_ms
        self.skipped = 0  # blocks that passed at once, because a test said so
        self._now = now
        self.genesis_hash = sha256(f"localnet {genesis_ms} {block_ms}".encode()).digest()

    @property
    def height(self) -> int:
        return FIRST_HEIGHT + (self._now() - self.genesis_ms) // self.block_ms + self.skipped

    def seconds_at(self, height: int) -> int:
        """Unix time of a block."""
        return (self.genesis_ms + (height - FIRST_HEIGHT) * self.block_ms) // 1000

    def blockhash(self, height: int) -> bytes:
        """It holds its height, so that all that were ever given out are known without a table of them."""
        number = height.to_bytes(8, "big")
        return sha256(self.genesis_hash + number).digest()[:24] + number

    def height_of_blockhash(self, blockhash: bytes) -> int | None:
        """The height of a blockhash that a transaction may name now."""
        made, now = int.from_bytes(blockhash[24:], "big"), self.height
        if made <= now <= made + BLOCKHASH_LIFE and blockhash == self.blockhash(made):
            return made
        return None
