"""What addresses are called here, and how the instructions of a venue are read.

Only from lists of our own: names on the chain are chosen by anybody.
"""

import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from solders.pubkey import Pubkey

from app.dex.adapters.solana.outcomes import JUPITER, OWN_ERRORS, RAYDIUM_AMM, RAYDIUM_CLMM, RAYDIUM_CPMM
from app.dex.adapters.solana.programs import ASSOCIATED, MEMO, SYSTEM, TOKEN, TOKEN_2022
from app.dex.errors import DexError
from app.dex.markets import Markets

METEORA_DLMM = "LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo"
RAYDIUM_PROGRAMS = (RAYDIUM_AMM, RAYDIUM_CPMM, RAYDIUM_CLMM)
DEVNET: Mapping[str, str] = {
    RAYDIUM_AMM: "DRaya7Kj3aMWQSy19kSjvmuwq9docCHofyP9kanQGaav",
    RAYDIUM_CPMM: "DRaycpLY18LhpbydsBWbVJtxpNv9oXPgjRSfpF2bWpYb",
    RAYDIUM_CLMM: "DRayAUgENGQBKVaX8owNhgzkEDyoHTGVEGHVJT1E9pfH",
}
"""A program of Raydium → the same one on devnet, where it has another address."""
ORDER_BOOKS = (
    "srmqPvymJeFKQ4zGQed1GFppgkRHL9kaELCbyksJtPX",
    "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin",
    "EoTcMgcDRTJVZDMZWBoU6rhYHZfkNTVEAfz3uUJRcYGj",
)
"""Programs that Raydium's AMM v4 has as its market; the last one is on devnet."""
BPS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """An instruction that swaps: how its amounts are read, and at which places of its accounts the trader's stand.

    A place below 0 is counted from the end. They are those of the programs' own sources and interface descriptions.
    """

    amounts: Callable[[bytes], tuple[int, int]]  # in and minimum out; `ValueError` or `struct.error`: it is no swap
    trader: int
    source: int
    destination: int
    payee: int | None = None  # optional: who is paid instead; the program's own address is nobody
    over: bool = False  # it may go over accounts of the trader for tokens in between
    counts: Collection[int] = ()  # how many accounts there may be, where the places depend on it


Forms = Mapping[bytes, Form]
"""How an instruction begins → what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    programs: Mapping[str, Collection[str]]  # venue → the programs that its swaps may call
    pools: Mapping[str, str]  # program of pools → venue
    symbols: Mapping[str, str]  # mint → symbol
    own_errors: Mapping[str, Mapping[int, str]]  # program → its error numbers → our codes
    forms: Mapping[str, Forms]  # program → its swaps

    def programs_of(self, venue: str) -> frozenset[Pubkey]:
        return frozenset(Pubkey.from_string(program) for program in self.programs.get(venue, ()))

    @property
    def known(self) -> frozenset[Pubkey]:
        """The programs that a swap may name."""
        named = {one for some in self.programs.values() for one in some}.union(self.pools, ORDER_BOOKS)
        return frozenset(map(Pubkey.from_string, named)) | {SYSTEM, TOKEN, TOKEN_2022, ASSOCIATED, MEMO}

    def mint(self, symbol: str) -> str:
        for mint, name in self.symbols.items():
            if name == symbol:
                return mint
        raise DexError("unsupported_pair", "This token is not traded here.")


def plain(data: bytes, *, form: str, accepts: Callable[[Any], bool] = lambda rest: True) -> tuple[int, int]:
    """Amount in and minimum stand in it, one after the other. `form` is all of it."""
    amount_in, floor, *rest = struct.unpack(form, data)
    if not accepts(rest):
        raise ValueError("another kind of swap")
    return amount_in, floor


def _jupiter(data: bytes, *, at: int) -> tuple[int, int]:
    """The minimum is a quote and a tolerance. A fee for a platform, or for a better price, is nothing we agreed to."""
    amount_in, quoted, tolerance, *fees = struct.unpack_from("<QQHHH", data, at)
    if tolerance > BPS or any(fees) or quoted * BPS >= 2**64:
        raise ValueError("a fee, no minimum, or one that the program may not be able to work out")
    return amount_in, quoted * (BPS - tolerance) // BPS


def anchor(name: str) -> bytes:
    """How an instruction of a program made with Anchor begins."""
    return sha256(f"global:{name}".encode()).digest()[:8]


FORMS: Mapping[str, Forms] = {
    JUPITER: {
        anchor("route_v2"): Form(
            amounts=partial(_jupiter, at=8), trader=0, source=1, destination=2, payee=7, over=True
        ),
        anchor("shared_accounts_route_v2"): Form(amounts=partial(_jupiter, at=9), trader=1, source=2, destination=5),
    },
    RAYDIUM_AMM: {  # the first with the accounts of an order book, and one of them may be missing
        b"\x09": Form(amounts=partial(plain, form="<xQQ"), trader=-1, source=-3, destination=-2, counts=(17, 18)),
        b"\x10": Form(amounts=partial(plain, form="<xQQ"), trader=7, source=5, destination=6),
    },
    RAYDIUM_CPMM: {
        anchor("swap_base_input"): Form(amounts=partial(plain, form="<8xQQ"), trader=0, source=4, destination=5)
    },
    RAYDIUM_CLMM: {  # its last byte says that the amount is what goes in
        anchor(name): Form(
            amounts=partial(plain, form="<8xQQ16sB", accepts=lambda rest: rest[-1] == 1),
            trader=0,
            source=3,
            destination=4,
        )
        for name in ("swap", "swap_v2")
    },
}


def mainnet(markets: Markets, programs: Mapping[str, Collection[str]]) -> Names:
    """`programs`: of each venue, which depends on who builds its swaps."""
    return Names(
        programs=programs,
        pools={**dict.fromkeys(RAYDIUM_PROGRAMS, "raydium"), METEORA_DLMM: "meteora"},
        symbols={token.mint: token.symbol for token in markets.tokens},
        own_errors=OWN_ERRORS,
        forms=FORMS,
    )


def devnet(markets: Markets) -> Names:
    """Raydium alone is there."""
    return Names(
        programs={"raydium": tuple(DEVNET.values())},
        pools=dict.fromkeys(DEVNET.values(), "raydium"),
        symbols={token.mint: token.symbol for token in markets.tokens},
        own_errors={**OWN_ERRORS, **{there: OWN_ERRORS[program] for program, there in DEVNET.items()}},
        forms={there: FORMS[program] for program, there in DEVNET.items()},
    )
