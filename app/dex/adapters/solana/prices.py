"""Mid prices of the pools on the chain, read from what their vaults hold.

This is what a venue's quote is compared with, what limits in dollars are measured by, and what orders that wait are
fired by. It comes from our own providers, and two have to tell it alike, if there are as many: a venue or a node that
may choose the price it is measured by could quote half of it. A node that stands still agrees with no other one. An
account that is not the vault of its token has no part in a price, whatever the list of the operators says: anybody may
have made it again since.
"""

import asyncio
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
from app.dex.adapters.solana.reading import (
    CONFIRMED,
    MAX_ACCOUNTS,
    MAX_APART,
    PROOFS,
    enough_of,
    failures,
    in_time,
    reading,
)
from app.dex.adapters.solana.rpc import Rpc, RpcUnanswered
from app.dex.errors import DexError
from app.dex.markets import Leg, Markets, PoolConfig, Token
from app.dex.valuation import NEAR_PERCENT
from app.settings import SettingsError

Reserves = tuple[int, int]  # what the vaults of a pool hold, of its tokens x and y
Agreed = tuple[Reserves, Reserves]  # the newest, and the least of each token, of the nodes that tell its price alike

log = logging.getLogger("engine.network")

MAX_AGE_SECONDS, NEW_SECONDS = 10.0, 2.0
NODE_SECONDS = 1.0  # for a node, where new prices are waited for: two are asked at once, and a third after them
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
        self._reserves: dict[str, Agreed] = {}
        self._claims: dict[str, list[Reserves]] = {}  # what single nodes tell about those whose price is doubtful
        self._doubtful: set[str] = set()
        self._read_at = float("-inf")

    async def refresh(self, *, node_seconds: float | None = None) -> None:
        asked_at = time.monotonic()
        told = await self._agreed(node_seconds)
        if asked_at < self._read_at:  # newer ones came first
            return
        (self._reserves, self._claims), self._read_at = told, asked_at
        if (doubtful := {pool.id for pool in self._pools} - self._reserves.keys()) != self._doubtful:
            self._doubtful = doubtful
            pairs = sorted({f"{pool.pair} of {pool.venue}" for pool in self._pools if pool.id in doubtful})
            level = logging.WARNING if pairs else logging.INFO
            log.log(level, "pools whose price the nodes do not tell alike", extra={"pools": ", ".join(pairs) or "none"})

    async def renew(self) -> None:
        """If they are no longer new, because a node takes its time. `DexError`: they cannot be had in time."""
        if self._age() > NEW_SECONDS:
            await self.refresh(node_seconds=NODE_SECONDS)
            if self._age() > NEW_SECONDS:
                raise RpcUnanswered("The nodes took too long to tell the prices of the pools.")

    def _age(self) -> float:
        return time.monotonic() - self._read_at

    async def check(self) -> None:
        """For the start: whether the list of the operators agrees with the chain, as any node tells it."""
        told = await enough_of([partial(self._told, rpc) for rpc in self._providers])
        found = {pool.id: (x, y) for _, vaults in told for pool, x, y in self._pairs(vaults)}
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

    async def _agreed(self, node_seconds: float | None) -> tuple[dict[str, Agreed], dict[str, list[Reserves]]]:
        """What `PROOFS` providers tell alike. Another one is asked as long as they do not agree about all pools, and
        beside one that takes long.

        And what they tell about the others, unless as many say that there is no such pool.
        """
        told, failed, agreed = list[tuple[int, dict[str, Reserves]]](), list[DexError](), dict[str, Agreed]()
        proofs, asking = min(PROOFS, len(self._providers)), set[asyncio.Task[tuple[int, dict[str, Reserves]]]]()
        until = 0.0  # from then on another one is asked
        left = [partial(in_time, node_seconds, partial(self._reserves_by, rpc)) for rpc in self._providers]
        try:
            while len(agreed) < len(self._pools) and (left or asking):
                if time.monotonic() >= until or not asking:
                    missing = max(1, proofs - len(told) - len(asking))
                    asking |= {asyncio.ensure_future(ask()) for ask in left[:missing]}
                    left, until = left[missing:], time.monotonic() + NODE_SECONDS
                patience = max(0.0, until - time.monotonic()) if left else None
                done, asking = await asyncio.wait(asking, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                answers = [task.exception() or task.result() for task in done]
                failed += failures(answers)
                told += [one for one in answers if not isinstance(one, BaseException)]
                agreed = _alike(told, proofs)
        finally:
            for task in asking:
                task.cancel()
        if len(told) < proofs:
            raise failed[0]
        claims = {pool.id: [pools[pool.id] for _, pools in told if pool.id in pools] for pool in self._pools}
        doubtful = {pool for pool, held in claims.items() if pool not in agreed and len(told) - len(held) < proofs}
        return agreed, {pool: claims[pool] for pool in doubtful}

    async def _reserves_by(self, rpc: Rpc) -> tuple[int, dict[str, Reserves]]:
        slot, vaults = await self._told(rpc)
        return slot, {pool.id: (x.held, y.held) for pool, x, y in self._pairs(vaults) if x.held and y.held}

    async def _told(self, rpc: Rpc) -> tuple[int, dict[str, Vault]]:
        """What one provider says, and of which slot."""
        keys = list(dict.fromkeys(vault for pair in self._vaults.values() for vault in pair))
        told, slots = dict[str, Vault](), list[int]()
        for start in range(0, len(keys), MAX_ACCOUNTS):
            some = keys[start : start + MAX_ACCOUNTS]
            answer = await rpc.call("getMultipleAccounts", some, CONFIRMED | {"encoding": "base64"})
            with reading("getMultipleAccounts"):
                slots.append(int(answer["context"]["slot"]))
                vaults = ((key, _vault(row)) for key, row in zip(some, answer["value"], strict=True))
                told |= {key: vault for key, vault in vaults if vault is not None}
        return min(slots, default=0), told

    def at_mid(self, leg: Leg, amount_in: int, slot: int) -> int:
        """The amount out of one pool at its mid price, without fee and price impact."""
        pool, x_to_y = leg
        return _at_mid(self.reserves(pool), x_to_y, amount_in)

    def at_most(self, leg: Leg, amount_in: int, slot: int) -> int:
        pool, x_to_y = leg
        if claims := self._claims.get(pool.id):
            return max(_at_mid(held, x_to_y, amount_in) for held in claims)
        return self.at_mid(leg, amount_in, slot)

    def held_in(self, leg: Leg) -> int:
        """The least that one of those nodes tells: with the price as it is, one could make much of little."""
        pool, x_to_y = leg
        return self._known(pool)[1][0 if x_to_y else 1]

    def reserves(self, pool: PoolConfig) -> Reserves:
        """What its vaults hold, of its tokens x and y."""
        return self._known(pool)[0]

    def _known(self, pool: PoolConfig) -> Agreed:
        known = self._reserves if self._age() < MAX_AGE_SECONDS else {}
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


def _at_mid(held: Reserves, x_to_y: bool, amount_in: int) -> int:
    held_in, held_out = held if x_to_y else held[::-1]
    return amount_in * held_out // held_in


def _alike(told: Sequence[tuple[int, Mapping[str, Reserves]]], proofs: int) -> dict[str, Agreed]:
    """By pool, the newest that so many say; of a slot not far from each other, and with about the same price."""
    newest, found = sorted(told, key=lambda one: one[0], reverse=True), dict[str, Agreed]()
    for number, (slot, pools) in enumerate(newest):
        others = [pools for at, pools in newest[number + 1 :] if slot - at <= MAX_APART]
        for pool, held in pools.items():
            alike = [held, *(other[pool] for other in others if pool in other and _is_near(held, other[pool]))]
            if len(alike) >= proofs:
                found.setdefault(pool, (held, (min(x for x, _ in alike), min(y for _, y in alike))))
    return found


def _is_near(one: Reserves, other: Reserves) -> bool:
    sides = one[0] * other[1], other[0] * one[1]
    return (max(sides) - min(sides)) * 100 <= NEAR_PERCENT * min(sides)


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
