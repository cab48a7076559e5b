"""What the adapters have to know of the local chain: its programs, and how their instructions are read."""

from functools import partial

from app.dex.adapters.solana.names import Form, Names, plain
from app.dex.adapters.solana.outcomes import OWN_ERRORS
from app.dex.markets import Markets
from app.localnet.pools import PROGRAM_IDS

POOL_ERRORS = {1: "insufficient_funds", 6001: "slippage_exceeded", 6003: "zero_output"}


def localnet(markets: Markets) -> Names:
    form = Form(amounts=partial(plain, form="<QQx"), trader=0, source=1, destination=4)
    programs = {venue: str(program) for venue, program in PROGRAM_IDS.items()}
    return Names(
        programs={venue: (program,) for venue, program in programs.items()},
        pools={program: venue for venue, program in programs.items()},
        symbols={token.mint: token.symbol for token in markets.tokens},
        own_errors={**OWN_ERRORS, **dict.fromkeys(programs.values(), POOL_ERRORS)},
        forms={program: {b"": form} for program in programs.values()},
    )
