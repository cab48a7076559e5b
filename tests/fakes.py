"""A venue and a chain that follow the script of a test, call by call."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from app.dex import base58
from app.dex.chain import (
    BLOCKHASH_LIFE,
    Blockhash,
    FoundSwap,
    Known,
    Outcome,
    SignedSwap,
    Snapshot,
    mark_known,
)
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.dex.quotes import BuiltSwap, Quote, QuoteLeg, QuoteRequest

TRADED = frozenset(Markets.load().tokens)


def in_a_while() -> float:
    """A time of `time.monotonic` that no test reaches."""
    return time.monotonic() + 600


@dataclass
class After:
    """An answer after a delay: seconds, or an event that the test sets."""

    wait: float | asyncio.Event
    then: "int | Quote | Exception"


Answer = int | Quote | Exception | After
"""An amount out, a whole quote, or an exception to raise."""


class ScriptedVenue:
    """Answers each quote request with the next entry of its script, and repeats the last one.

    It trades every configured pair. `asked` has every request with its slot.
    """

    in_process = False

    def __init__(self, name: str, script: Iterable[Answer], *, network_cost: int = 0) -> None:
        self.name = name
        self.asked: list[tuple[QuoteRequest, int]] = []
        self._script = list(script)
        self._network_cost = network_cost

    async def quote(self, request: QuoteRequest, slot: int) -> Quote:
        answer = self._script[min(len(self.asked), len(self._script) - 1)]
        self.asked.append((request, slot))
        if request.token_in == request.token_out or not {request.token_in, request.token_out} <= TRADED:
            raise DexError("unsupported_pair", "scripted")
        if isinstance(answer, After):
            if isinstance(answer.wait, asyncio.Event):
                await answer.wait.wait()
            else:
                await asyncio.sleep(answer.wait)
            answer = answer.then
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Quote):
            return answer
        return simple_quote(self.name, request, answer, slot, network_cost=self._network_cost)

    async def build(self, quote: Quote, *, min_amount_out: int) -> BuiltSwap:
        route = quote.route
        pools = tuple(leg.pool for leg in quote.legs)
        ends = route[0] == "SOL", route[-1] == "SOL"
        return BuiltSwap(self.name, pools, route, quote.amount_in, min_amount_out, wrap_sol=ends[0], unwrap_sol=ends[1])


def simple_quote(
    venue: str,
    request: QuoteRequest,
    amount_out: int,
    slot: int = 1,
    *,
    network_cost: int = 0,
    price_impact_bps: int = 0,
    at_mid: int | None = None,
) -> Quote:
    """A quote through one pool without fees, at the pool's mid by default."""
    mid = amount_out if at_mid is None else at_mid
    sold, bought = request.token_in.symbol, request.token_out.symbol
    leg = QuoteLeg(f"{venue}-pool", sold, bought, request.amount_in, amount_out, 0, price_impact_bps, mid)
    return Quote(venue, request.amount_in, amount_out, 0, price_impact_bps, slot, (leg,), 5_000, network_cost)


@dataclass
class ScriptedChain:
    """A chain in memory. The n-th new swap gets the n-th entry of the script, and later ones the last entry.

    An entry is an amount out (it lands), a code (it fails on chain), `None` (it is dropped), or an exception that
    `send` raises after noting the swap as dropped. `slot` is the clock; a test moves it.
    """

    script: list[int | str | Exception | None] = field(default_factory=list)
    slot: int = 1_000
    poll_seconds: float = 0.05
    sends: list[SignedSwap] = field(default_factory=list)
    """Every send, including repeated ones."""
    outcomes: dict[str, Outcome | None] = field(default_factory=dict)
    blockhash_errors: list[Exception] = field(default_factory=list)
    """Raised by the next calls of `blockhash`, one each."""
    ask_errors: list[Exception] = field(default_factory=list)
    """Raised by the next queries, one each."""
    signed: dict[bytes, tuple[BuiltSwap, str]] = field(default_factory=dict)
    """Swap and memo of each payload. The payload itself is a digest, so nothing can rely on its content."""
    on_ask: Callable[["ScriptedChain"], None] = lambda chain: None
    """Called before each answer, for instance to move the clock."""

    async def blockhash(self) -> Blockhash:
        if self.blockhash_errors:
            raise self.blockhash_errors.pop(0)
        return Blockhash(f"hash-{self.slot}", self.slot + BLOCKHASH_LIFE, self.slot)

    async def sign(self, swap: BuiltSwap, *, memo: str, attempt: int, blockhash: Blockhash) -> SignedSwap:
        payload = hashlib.sha256(repr((swap, memo, attempt, blockhash)).encode()).digest()
        self.signed[payload] = swap, memo
        signature = base58.encode(hashlib.sha512(payload).digest())
        return SignedSwap(signature, payload, blockhash.last_valid_height, swap.venue)

    async def send(self, signed: SignedSwap, *, not_after: float) -> None:
        if time.monotonic() > not_after:
            raise DexError("outcome_unknown", "too late")
        if signed.payload not in self.signed:
            raise DexError("outcome_unknown", "signed elsewhere")
        swap, _ = self.signed[signed.payload]
        self.sends.append(signed)
        if signed.signature in self.outcomes or self.slot > signed.last_valid_height:
            return
        step = self.script[min(len(self.outcomes), len(self.script) - 1)] if self.script else swap.min_amount_out
        self.outcomes[signed.signature] = None
        match step:
            case int():
                self.outcomes[signed.signature] = Outcome("landed", self.slot, amount_out=step)
            case str():
                self.outcomes[signed.signature] = Outcome("failed", self.slot, code=step)
            case Exception():
                raise step

    async def ended(self, signatures: Sequence[str]) -> tuple[int, dict[str, Outcome]]:
        self._asked()
        return self.slot, {signature: outcome for signature in signatures if (outcome := self.outcomes.get(signature))}

    async def ask(self, signature: str) -> Snapshot:
        self._asked()
        return Snapshot(self.slot, self.outcomes.get(signature))

    async def find(self, about: Sequence[str], *, since: float = 0.0) -> tuple[int, list[FoundSwap]]:
        return self.slot, [swap for swap in self._known() if swap.about in about]

    async def newest(
        self, limit: int, *, before: str | None = None, after: str | None = None, known: Known | None = None
    ) -> list[FoundSwap]:
        newest = self._known()[::-1]
        signatures = [swap.signature for swap in newest]
        start = 0 if before is None else 1 + signatures.index(before)
        end = signatures.index(after) if after in signatures else len(newest)
        return await mark_known(newest[start:end][:limit], known)

    def _known(self) -> list[FoundSwap]:
        """In the order in which they were first sent, without those that were dropped."""
        sent = {signed.signature: signed for signed in self.sends}
        known = []
        for signature, signed in sent.items():
            (swap, memo), outcome = self.signed[signed.payload], self.outcomes.get(signature)
            if outcome is not None:
                known.append(
                    FoundSwap(
                        memo=memo,
                        signature=signature,
                        at=time.time(),
                        outcome=outcome,
                        venue=swap.venue,
                        token_in=swap.route[0],
                        token_out=swap.route[-1],
                        amount_in=swap.amount_in,
                    )
                )
        return known

    def _asked(self) -> None:
        if self.ask_errors:
            raise self.ask_errors.pop(0)
        self.on_ask(self)

    def fills(self, memo: str) -> list[Outcome]:
        """The swaps that landed for one order. More than one is a double fill."""
        signatures = {signed.signature for signed in self.sends if self.signed[signed.payload][1].split()[0] == memo}
        outcomes = [self.outcomes.get(signature) for signature in signatures]
        return [outcome for outcome in outcomes if outcome is not None and outcome.status == "landed"]
