"""How the simulated market moves: a pool's price against its reference, a function of seed, pool and time.

Nothing is remembered or drawn: whoever asks about the same moment gets the same answer, so the API's preview,
the worker's quote and the chain's fill agree. Two pools of a pair that lean opposite ways swing around each
other, crossing every 6 s, and once in a quarter of an hour one of them rides up to 2.3 % above the other.
"""

from hashlib import blake2b

BILLION = 10**9
SLOPE = 195
"""Billionths per millisecond: at most 2 bps a second, even measured from a price's lowest point."""

CYCLE_MS = 900_000
SWINGS_MS = 780_000
SWING_MS = 12_000
"""One swing up, down and back. It divides `SWINGS_MS`: swings and excursions both begin and end at 0."""


def drift(seed: int, pair: str, lean: int, at_ms: int) -> int:
    """A price's distance from its reference, in billionths. `lean`, 1 or -1: which way it goes first."""
    digest = blake2b(f"{seed}/{pair}".encode(), digest_size=8).digest()
    phase = int.from_bytes(digest, "big") % (2 * CYCLE_MS)
    cycle, into = divmod(at_ms + phase, CYCLE_MS)
    if into < SWINGS_MS:
        return lean * SLOPE * _triangle(into % SWING_MS)
    into -= SWINGS_MS
    height = min(into, CYCLE_MS - SWINGS_MS - into)
    # The venues take turns in being the dearer one.
    return lean * SLOPE * (height if cycle % 2 == 0 else -height)


def _triangle(into: int) -> int:
    """0 → a quarter of a swing → 0 → minus a quarter → 0."""
    quarter = SWING_MS // 4
    if into <= quarter:
        return into
    if into <= 3 * quarter:
        return 2 * quarter - into
    return into - SWING_MS
