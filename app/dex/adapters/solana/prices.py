"""Mid prices of the pools on the chain, read from what their vaults hold.

This is what a venue's quote is compared with, and what orders that wait are fired by. It comes from our own providers:
a venue that may choose the price it is measured by could quote half of it.
"""

import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from app.dex.adapters.solana.reading import CONFIRMED, first_of, reading
from app.dex.adapters.solana.rpc import Rpc
from app.dex.errors import DexError
from app.dex.markets import Leg, Markets, Token

MAX_AGE_SECONDS = 10.0
MAX_ACCOUNTS = 100  # in one call
AMOUNT = slice(64, 72)  # in the data of a token account
PRICE_PLACES, SPARE_PLACES = 18, 18


class PoolPrices:
    """`refresh` asks, once a slot. Everything else answers from memory, in microseconds."""

    def __init__(self, providers: Sequence[Rpc], vaults: Mapping[str, tuple[str, str]]) -> None:
        """`vaults`: of each pool, by its id, those of its tokens x and y. Constant-product pools only."""
        self._providers = providers
        self._vaults = vaults
        self._reserves: dict[str, tuple[int, int]] = {}
        self._read_at = float("-inf")

    async def refresh(self) -> None:
        keys = [vault for pair in self._vaults.values() for vault in pair]
        asked_at = time.monotonic()
        held: dict[str, int] = {}
        for start in range(0, len(keys), MAX_ACCOUNTS):
            held |= await self._held(keys[start : start + MAX_ACCOUNTS])
        self._reserves = {
            pool: (held[x], held[y]) for pool, (x, y) in self._vaults.items() if held.get(x) and held.get(y)
        }
        self._read_at = asked_at

    async def _held(self, keys: Sequence[str]) -> dict[str, int]:
        options = CONFIRMED | {"encoding": "base64"}
        answer = await first_of(
            [partial(rpc.call, "getMultipleAccounts", list(keys), options) for rpc in self._providers]
        )
        with reading("getMultipleAccounts"):
            rows = zip(keys, answer["value"], strict=True)
            return {key: _amount(row) for key, row in rows if row is not None}

    def at_mid(self, leg: Leg, amount_in: int, slot: int) -> int:
        """The amount out of one pool at its mid price, without fee and price impact."""
        pool, x_to_y = leg
        if (reserves := self._known().get(pool.id)) is None:
            raise DexError("venue_unavailable", "The price of this pool is not known.")
        held_in, held_out = reserves if x_to_y else reserves[::-1]
        return amount_in * held_out // held_in

    def mid(self, markets: Markets, venue: str, token_in: Token, token_out: Token) -> Decimal | None:
        """Tokens out for one token in at the mid prices of a venue's best path, rounded down. None: not known."""
        one = 10 ** (token_in.decimals + PRICE_PLACES + SPARE_PLACES)
        outs = []
        for path in markets.paths(venue, token_in, token_out):
            amount = one
            try:
                for leg in path:
                    amount = self.at_mid(leg, amount, 0)
            except DexError:
                continue
            outs.append(amount)
        if not outs:
            return None
        # From text, which keeps every digit: arithmetic with a Decimal rounds to 28.
        return Decimal(f"{max(outs) // 10 ** (token_out.decimals + SPARE_PLACES)}E-{PRICE_PLACES}")

    def _known(self) -> Mapping[str, tuple[int, int]]:
        return self._reserves if time.monotonic() - self._read_at < MAX_AGE_SECONDS else {}


def _amount(row: Any) -> int:
    return int.from_bytes(b64decode(row["data"][0], validate=True)[AMOUNT], "little")
