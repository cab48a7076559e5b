"""Mid prices of the pools on the chain, read from what their vaults hold.

This is what a venue's quote is compared with, and what orders that wait are fired by. It comes from our own providers:
a venue that may choose the price it is measured by could quote half of it. An account that is not the vault of its
token has no part in a price, whatever the list of the operators says: anybody may have made it again since.
"""

import logging
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from solders.pubkey import Pubkey

from app.dex.adapters.solana.programs import TOKEN, TOKEN_2022, TOKEN_ACCOUNT_SIZE
from app.dex.adapters.solana.reading import CONFIRMED, MAX_ACCOUNTS, first_of, reading
from app.dex.adapters.solana.rpc import Rpc
from app.dex.errors import DexError
from app.dex.markets import Leg, Markets, PoolConfig, Token
from app.settings import SettingsError

log = logging.getLogger("engine.network")

MAX_AGE_SECONDS = 10.0
MINT, AUTHORITY, AMOUNT = slice(0, 32), slice(32, 64), slice(64, 72)  # in the data of a token account
FAR_PERCENT = 20  # of the price that the list says
PRICE_PLACES, SPARE_PLACES = 18, 18


@dataclass(frozen=True, slots=True)
class Vault:
    mint: str
    authority: bytes  # who may take from it
    held: int


class PoolPrices:
    """`refresh` asks, once a slot. Everything else answers from memory, in microseconds."""

    def __init__(self, providers: Sequence[Rpc], markets: Markets, vaults: Mapping[str, tuple[str, str]]) -> None:
        """`vaults`: of each pool, by its id, those of its tokens x and y. Constant-product pools only."""
        self._providers = providers
        self._pools = markets.pools
        self._vaults = vaults
        self._reserves: dict[str, tuple[int, int]] = {}
        self._read_at = float("-inf")

    async def refresh(self) -> None:
        asked_at = time.monotonic()
        vaults = await self._ask()
        self._reserves = {pool.id: (x.held, y.held) for pool, x, y in self._pairs(vaults) if x.held and y.held}
        self._read_at = asked_at

    async def check(self) -> None:
        """For the start: whether the list of the operators agrees with the chain."""
        found = {pool.id: (x, y) for pool, x, y in self._pairs(await self._ask())}
        for pool in self._pools:
            if pool.id not in found:
                where = f"the pool {pool.pair} of {pool.venue}"
                raise SettingsError(f"MARKETS_FILE: the vaults of {where} do not hold its two tokens.")
            if _is_far(pool, *found[pool.id]):
                log.warning("its price is far from that of MARKETS_FILE: compare its vaults", extra={"pool": pool.pair})

    def _pairs(self, vaults: Mapping[str, Vault]) -> Iterator[tuple[PoolConfig, Vault, Vault]]:
        """The pools whose vaults hold their tokens, for one and the same authority."""
        for pool in self._pools:
            x, y = (vaults.get(key) for key in self._vaults[pool.id])
            if x and y and (x.mint, y.mint) == (pool.x.mint, pool.y.mint) and x.authority == y.authority:
                yield pool, x, y

    async def _ask(self) -> dict[str, Vault]:
        keys = list(dict.fromkeys(vault for pair in self._vaults.values() for vault in pair))
        told: dict[str, Vault] = {}
        for start in range(0, len(keys), MAX_ACCOUNTS):
            told |= await self._read(keys[start : start + MAX_ACCOUNTS])
        return told

    async def _read(self, keys: Sequence[str]) -> dict[str, Vault]:
        options = CONFIRMED | {"encoding": "base64"}
        answer = await first_of(
            [partial(rpc.call, "getMultipleAccounts", list(keys), options) for rpc in self._providers]
        )
        with reading("getMultipleAccounts"):
            rows = zip(keys, answer["value"], strict=True)
            vaults = ((key, _vault(row)) for key, row in rows)
            return {key: vault for key, vault in vaults if vault is not None}

    def at_mid(self, leg: Leg, amount_in: int, slot: int) -> int:
        """The amount out of one pool at its mid price, without fee and price impact."""
        pool, x_to_y = leg
        reserves = self.reserves(pool)
        held_in, held_out = reserves if x_to_y else reserves[::-1]
        return amount_in * held_out // held_in

    def reserves(self, pool: PoolConfig) -> tuple[int, int]:
        """What its vaults hold, of its tokens x and y."""
        known = self._reserves if time.monotonic() - self._read_at < MAX_AGE_SECONDS else {}
        if (found := known.get(pool.id)) is None:
            raise DexError("venue_unavailable", "The price of this pool is not known.")
        return found

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


def _is_far(pool: PoolConfig, x: Vault, y: Vault) -> bool:
    """Whether the value of one side is far from that of the other one, at the prices that the list says."""
    sides = x.held * pool.x.usd * 10**pool.y.decimals, y.held * pool.y.usd * 10**pool.x.decimals
    return bool((max(sides) - min(sides)) * 100 > FAR_PERCENT * min(sides))


def _vault(row: Any) -> Vault | None:
    """None: it is no token account."""
    if row is None or row["owner"] not in (str(TOKEN), str(TOKEN_2022)):
        return None
    data = b64decode(row["data"][0], validate=True)
    if len(data) < TOKEN_ACCOUNT_SIZE:
        return None
    return Vault(str(Pubkey.from_bytes(data[MINT])), data[AUTHORITY], int.from_bytes(data[AMOUNT], "little"))
