"""The chain as the engine sees it: sign, send, ask. Protocols and values only."""

import time
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from app.dex.quotes import BuiltSwap

BLOCKHASH_LIFE = 150
"""Blocks after which a transaction that names a blockhash can no longer land."""

LONGEST_YOUTH = 60.0
"""Seconds. Of a swap that is young for longer, the clock was set back since it was signed."""

MAX_FOUND = 500
"""Words in one call of `find`."""


@dataclass(frozen=True, slots=True)
class Blockhash:
    hash: str
    last_valid_height: int
    """The last height at which a swap signed with it can land."""
    slot: int
    """Market time now: the venues are asked to quote for it."""


@dataclass(frozen=True, slots=True)
class SignedSwap:
    """A swap that may be sent any number of times and lands at most once."""

    signature: str
    """Identifies the transaction: 64 bytes in base58, which is 87 or 88 digits and rarely fewer."""
    payload: bytes
    """The bytes to send. Only the chain that signed them can read them."""
    last_valid_height: int
    """Above this height it can no longer land."""
    venue: str
    """The venue that executes it."""
    young_until: float = 0.0
    """Unix time. Before it, a node that says that the swap has expired is not believed."""

    def is_young(self) -> bool:
        return 0 < self.young_until - time.time() < LONGEST_YOUTH

    def to_json(self) -> dict[str, Any]:
        """The form it is stored in, with its order, before it is sent."""
        return {
            "signature": self.signature,
            "payload": b64encode(self.payload).decode(),
            "lastValidHeight": self.last_valid_height,
            "venue": self.venue,
            "youngUntil": self.young_until,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "SignedSwap":
        payload, young_until = b64decode(data["payload"]), data.get("youngUntil", 0.0)
        return SignedSwap(data["signature"], payload, data["lastValidHeight"], data["venue"], young_until)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a transaction ended. It never changes."""

    status: Literal["landed", "failed"]
    slot: int
    """The slot of the block it is in."""
    amount_out: int | None = None
    """What a landed swap brought. None while the chain does not know the amount yet."""
    code: str | None = None
    """Why it failed."""
    fee: int | None = None
    """What the network took, in the units of its own token. None: the chain does not say."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the chain knew about one transaction at one height."""

    height: int
    outcome: Outcome | None
    since: int = 0
    """Without an outcome: the height from which absence is known. A node that lost its history knows nothing older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSwap:
    """A swap of our wallet that the chain knows."""

    memo: str
    signature: str
    at: float  # when it landed, or is expected to; Unix time
    outcome: Outcome | None  # None: it is on its way, and may still fail
    # What it moves. None: the chain does not say.
    venue: str | None
    token_in: str | None  # symbols
    token_out: str | None
    amount_in: int | None  # base units
    agreed: bool = True  # False: too few nodes tell it, or not alike. It may be so, and nothing is concluded from it
    is_known: bool = False  # and so it was not read: nothing is said of its outcome, nor of what it moves

    @property
    def has_landed(self) -> bool:
        """Also if nobody knows what it brought: its order must not be filled again."""
        return self.outcome is not None and self.outcome.status == "landed"

    @property
    def amount_out(self) -> int | None:
        """What it brought; None: it has not landed, or that is not known."""
        return self.outcome.amount_out if self.outcome is not None and self.has_landed else None

    @property
    def is_told(self) -> bool:
        """Enough nodes tell what it brought. If not, it fills no order."""
        return self.agreed and self.amount_out is not None

    @property
    def about(self) -> str:
        """The first word of the memo: the order's id."""
        return self.memo.partition(" ")[0]

    @staticmethod
    def unread(memo: str, signature: str, at: float) -> "FoundSwap":
        """A swap that is known, and so was not read."""
        nothing: Mapping[str, Any] = dict.fromkeys(("outcome", "venue", "token_in", "token_out", "amount_in"))
        return FoundSwap(memo=memo, signature=signature, at=at, is_known=True, **nothing)

    @property
    def tag(self) -> str | None:
        """The second word of the memo, if it has one: see `app/orders/memo.py`."""
        return self.memo.partition(" ")[2] or None


Known = Callable[[Mapping[str, str]], Awaitable[Collection[str]]]
"""Of these signatures, each with the order's id in its memo, those of swaps that need not be read."""


async def mark_known(swaps: Sequence[FoundSwap], known: Known | None) -> list[FoundSwap]:
    """The same swaps; of those that are known nothing is said. For a chain that reads all of them at once."""
    skipped = await known({swap.signature: swap.about for swap in swaps}) if known else ()
    return [FoundSwap.unread(one.memo, one.signature, one.at) if one.signature in skipped else one for one in swaps]


class Signer(Protocol):
    """Signs for one wallet. The key never leaves it."""

    async def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""


class Chain(Protocol):
    """A connection to the network. Every method answers in bounded time and raises `DexError` only."""

    @property
    def poll_seconds(self) -> float:
        """How long to wait between two calls of `ended`."""

    async def blockhash(self) -> Blockhash: ...

    async def sign(self, swap: BuiltSwap, *, memo: str, attempt: int, blockhash: Blockhash) -> SignedSwap:
        """Sign for one attempt of one order; `memo` is written on chain, and its first word is the order's id.

        The same input gives the same transaction. Two attempts never share a signature, even with one blockhash.
        """

    async def send(self, signed: SignedSwap, *, not_after: float) -> Snapshot | None:
        """Send the payload as it is; sending it again changes nothing. `outcome_unknown`: it may have arrived or not.

        `not_after`: a time of `time.monotonic`. Check it right before the bytes leave: when it is over, do not send,
        and raise `outcome_unknown`.
        Returns what is known of it by then, if anything is. None proves nothing.
        """

    async def ended(self, signatures: Sequence[str]) -> tuple[int, Mapping[str, Outcome]]:
        """The height, and the outcomes of those swaps that have ended. Absence proves nothing here: use `ask`."""

    async def ask(self, signature: str) -> Snapshot:
        """What the chain knows now. A swap that is absent above its last valid height is absent forever."""

    async def find(self, about: Sequence[str], *, since: float = 0.0) -> tuple[int, Sequence[FoundSwap]]:
        """The height, and all swaps of our wallet whose memo begins with one of these words, the oldest first.

        A swap that could land up to that height at most, and is not among them, is absent forever. At most
        `MAX_FOUND` words. `since`: none of these swaps is older, in Unix time; so nothing older has to be read.
        """

    async def newest(
        self, limit: int, *, before: str | None = None, after: str | None = None, known: Known | None = None
    ) -> Sequence[FoundSwap]:
        """The swaps of our wallet that were sent last, the newest first; with `before`, those older than this
        signature. Absence proves nothing here. `after`: older than this signature is none that is asked for; there may
        be some, where it is not known. `known`: those are among them, and take no calls.
        """


def verdict(snapshot: Snapshot, last_valid_height: int) -> Literal["landed", "failed", "expired", "unknown"]:
    """What a snapshot proves. Only `failed` and `expired` allow a new swap to be signed.

    A landed swap is `unknown` until its amount is known, also above its last valid height.
    """
    if (outcome := snapshot.outcome) is not None:
        return "unknown" if outcome.status == "landed" and outcome.amount_out is None else outcome.status
    seen = snapshot.since <= last_valid_height - BLOCKHASH_LIFE  # every block in which it could have landed
    return "expired" if seen and snapshot.height > last_valid_height else "unknown"
