"""How prices of the simulated market move: a pure function of seed, pair and time.

No state and no random draws: the API's preview, the worker's quote and the chain's fill agree at the same moment. Two
pools of a pair that lean opposite ways swing around each other and cross every 6 s. Once in a quarter of an hour one
of them rises up to 2.3 % above the other.
"""

from hashlib import blake2b

BILLION = 10**9
SLOPE = 195
"""Billionths per millisecond: at most 2 bps a second, also when measured from the lowest price."""

CYCLE_MS = 900_000
SWINGS_MS = 780_000
SWING_MS = 12_000
"""One swing up, down and back. It divides `SWINGS_MS`, so swings and excursions start and end at 0."""


def drift(seed: int, pair: str, lean: int, at_ms: int) -> int:
    """The distance of a price from its reference, in billionths. `lean`: the way it moves first, 1 or -1."""
    digest = blake2b(f"{seed}/{pair}".encode(), digest_size=8).digest()
    phase = int.from_bytes(digest, "big") % (2 * CYCLE_MS)
    cycle, into = divmod(at_ms + phase, CYCLE_MS)
    if into < SWINGS_MS:
        return lean * SLOPE * _triangle(into % SWING_MS)
    into -= SWINGS_MS
    height = min(into, CYCLE_MS - SWINGS_MS - into)
    # The venues take turns in having the higher price.
    return lean * SLOPE * (height if cycle % 2 == 0 else -height)


def _triangle(into: int) -> int:
    """0 → a quarter of a swing → 0 → minus a quarter → 0."""
    quarter = SWING_MS // 4
    if into <= quarter:
        return into
    if into <= 3 * quarter:
        return 2 * quarter - into
    return into - SWING_MS
