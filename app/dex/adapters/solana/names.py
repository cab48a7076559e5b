"""What addresses are called here. Only from lists of our own: names on the chain are chosen by anybody."""

from collections.abc import Mapping
from dataclasses import dataclass

from solders.pubkey import Pubkey

from app.dex.errors import DexError


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    venues: Mapping[str, str]  # program → venue
    symbols: Mapping[str, str]  # mint → symbol
    own_errors: Mapping[str, Mapping[int, str]]  # program → its error numbers → our codes

    def programs_of(self, venue: str) -> frozenset[Pubkey]:
        return frozenset(Pubkey.from_string(program) for program, name in self.venues.items() if name == venue)

    def mint(self, symbol: str) -> str:
        for mint, name in self.symbols.items():
            if name == symbol:
                return mint
        raise DexError("unsupported_pair", "This token is not traded here.")
