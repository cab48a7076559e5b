"""The tokens and the pools of each venue, as configured in `markets.toml`."""

import tomllib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from app.dex import base58
from app.dex.amounts import to_base_units
from app.dex.errors import DexError

NATIVE_SOL = "SOL"
USD_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Token:
    symbol: str
    mint: str
    name: str
    decimals: int
    usd: int
    """Reference price of one whole token, in 10⁻¹² dollars."""


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """One pool of one venue."""

    id: str
    """In the form of an address; derived from venue and pair."""
    venue: str
    x: Token
    y: Token
    depth_usd: int
    """What the pool holds, both sides together."""
    lean: int
    """The way its price moves first, 1 or -1."""
    options: dict[str, Any]
    """Settings that only this venue reads."""

    @property
    def pair(self) -> str:
        """The two tokens in alphabetical order, so that all pools of a pair have the same text."""
        return "-".join(sorted((self.x.symbol, self.y.symbol)))

    @property
    def measured_by(self) -> frozenset[str]:
        """The vaults that give its price. Two venues may name the same ones: then their prices move together."""
        return frozenset(self.options.get("vaults", (self.id,)))


@dataclass(frozen=True, slots=True)
class VenueFees:
    """Network fees of a swap on one venue, in lamports."""

    network_fee: int = 5_000
    network_fee_per_extra_leg: int = 0


class UnknownToken(DexError):
    """No token has this symbol or mint."""

    def __init__(self) -> None:
        super().__init__("unsupported_pair", "This token is not traded here.")


Leg = tuple[PoolConfig, bool]
"""A pool, and whether its token X goes in."""


class Markets:
    """All tokens and pools, and the paths through them. It may grow while it is used."""

    def __init__(
        self,
        tokens: Collection[Token],
        pools: Collection[PoolConfig],
        fees: dict[str, VenueFees] | None = None,
        not_traded: Collection[Token] = (),
    ) -> None:
        """`not_traded`: tokens that are not allowed, or no longer. Their swaps may still be under way."""
        self.tokens: tuple[Token, ...] = ()
        self.pools: tuple[PoolConfig, ...] = ()
        self.venues: tuple[str, ...] = ()  # the names of those that have pools
        self.fees = fees or {}
        self._tokens: dict[str, Token] = {}
        self._not_traded = {token.symbol: token for token in not_traded}
        self._paths: dict[tuple[str | None, str, str], tuple[tuple[Leg, ...], ...]] = {}
        self._ways: dict[tuple[str, str], tuple[tuple[tuple[Leg, ...], ...], tuple[tuple[Leg, ...], ...]]] = {}
        self._listeners: list[Callable[[], None]] = []
        self.add(tokens, pools)

    def add(self, tokens: Collection[Token], pools: Collection[PoolConfig]) -> None:
        """Those that are new."""
        for token in tokens:
            if token.symbol not in self._tokens:
                self.tokens += (token,)
                self._tokens |= {token.symbol: token, token.mint: token}
        known = {pool.id for pool in self.pools}
        self.pools += tuple(pool for pool in pools if pool.id not in known)
        self.venues = tuple(sorted({pool.venue for pool in self.pools}))
        self._paths.clear()
        self._ways.clear()
        if len(self.pools) > len(known):
            for listener in self._listeners:
                listener()

    def on_growth(self, listener: Callable[[], None]) -> None:
        """Call it whenever there is a new pool."""
        self._listeners.append(listener)

    @staticmethod
    def load(path: Path | None = None) -> "Markets":
        """Read a file; by default `markets.toml` beside this module."""
        return Markets.parse((path or Path(__file__).with_name("markets.toml")).read_text(encoding="utf-8"))

    @staticmethod
    def parse(text: str) -> "Markets":
        data = tomllib.loads(text)
        tokens = {
            row["symbol"]: Token(**row | {"usd": to_base_units(row["usd"], USD_DECIMALS)}) for row in data["tokens"]
        }
        if len({token.mint for token in tokens.values()}) < len(data["tokens"]):
            raise ValueError("two tokens have the same symbol or mint")
        pools = [_pool(dict(row), tokens) for row in data["pools"]]
        if len({pool.id for pool in pools}) < len(pools):
            raise ValueError("a venue has two pools for the same pair")
        fees = {name: VenueFees(**row) for name, row in data.get("venues", {}).items()}
        return Markets(tokens.values(), pools, fees)

    def token(self, symbol_or_mint: str) -> Token:
        try:
            return self._tokens[symbol_or_mint]
        except KeyError:
            raise UnknownToken from None

    def known(self, symbol: str) -> Token:
        """Also one that is not traded."""
        return self._not_traded.get(symbol) or self.token(symbol)

    def find(self, symbol_or_mint: str) -> Token | None:
        """None: it is not traded, or not yet."""
        return self._tokens.get(symbol_or_mint)

    def serves(self, token_in: Token, token_out: Token, *, only: Collection[str] | None = None) -> bool:
        """Whether a venue, or one of those in `only`, trades the pair, directly or in two hops."""
        return any(self.paths(venue, token_in, token_out) for venue in self.venues if only is None or venue in only)

    def pools_of(self, token: Token, other: Token) -> tuple[PoolConfig, ...]:
        """The pools of these two tokens, whichever way round."""
        return tuple(pool for pool in self.pools if {pool.x.symbol, pool.y.symbol} == {token.symbol, other.symbol})

    def paths(self, venue: str | None, token_in: Token, token_out: Token) -> tuple[tuple[Leg, ...], ...]:
        """The paths through the pools of one venue (None: of all): the direct ones, or else those in two hops."""
        key = (venue, token_in.symbol, token_out.symbol)
        if key not in self._paths:
            direct, hops = self._find(venue, token_in, token_out)
            self._paths[key] = direct or hops
        return self._paths[key]

    def ways(
        self, token_in: Token, token_out: Token, *, is_deep: Callable[[Leg], bool] = lambda leg: True
    ) -> tuple[tuple[Leg, ...], ...]:
        """Through the pools of all venues: the direct ones, and those in two hops unless several of these are deep."""
        key = (token_in.symbol, token_out.symbol)
        if key not in self._ways:
            self._ways[key] = self._find(None, token_in, token_out)
        direct, hops = self._ways[key]
        pools = {leg[0].measured_by for [leg] in direct if is_deep(leg)}
        return direct if len(pools) > 1 else direct + hops

    def network_cost(self, lamports: int, token: Token) -> int:
        """A network fee in units of a token, at reference prices, rounded up."""
        sol = self._tokens[NATIVE_SOL]
        numerator, denominator = lamports * sol.usd * _one(token), token.usd * _one(sol)
        return -(-numerator // denominator)

    def _find(
        self, venue: str | None, token_in: Token, token_out: Token
    ) -> tuple[tuple[tuple[Leg, ...], ...], tuple[tuple[Leg, ...], ...]]:
        if token_in == token_out:
            return (), ()
        pools = [pool for pool in self.pools if venue is None or pool.venue == venue]
        legs = [leg for pool in pools for leg in ((pool, True), (pool, False))]
        out_of = [leg for leg in legs if _ends(leg)[0] == token_in]
        into = [leg for leg in legs if _ends(leg)[1] == token_out]
        direct = tuple((leg,) for leg in out_of if leg in into)
        return direct, tuple((a, b) for a in out_of for b in into if _ends(a)[1] == _ends(b)[0])


def _ends(leg: Leg) -> tuple[Token, Token]:
    pool, x_to_y = leg
    return (pool.x, pool.y) if x_to_y else (pool.y, pool.x)


def _one(token: Token) -> int:
    """The base units of one whole token."""
    return int(10**token.decimals)


def _pool(row: dict[str, Any], tokens: dict[str, Token]) -> PoolConfig:
    venue, x, y = row.pop("venue"), tokens[row.pop("x")], tokens[row.pop("y")]
    depth, lean = row.pop("depth_usd"), row.pop("lean", 1)
    if lean not in (1, -1):
        raise ValueError("lean has to be 1 or -1")
    return new_pool(venue, x, y, depth, lean, row)


def new_pool(venue: str, x: Token, y: Token, depth_usd: int, lean: int, options: dict[str, Any]) -> PoolConfig:
    return PoolConfig(address(f"{venue}/{x.symbol}-{y.symbol}"), venue, x, y, depth_usd, lean, options)


def address(name: str) -> str:
    """Made up from a name, and always the same for it."""
    return base58.encode(blake2b(name.encode(), digest_size=32).digest())
