"""Checks the model itself: each planted bug has to show in what the model finds, under the name of the harm it does."""

import random
from dataclasses import dataclass

from tests.chaos.environment import Environment
from tests.chaos.waiting.books import SwingingBook
from tests.chaos.waiting.runs import Disturbance, Run, play

PAIR = ("SOL", "USDC")
SLOTS, EACH = 12, 80


async def _nothing(_: Run) -> None:
    pass


async def _plans_restored(run: Run) -> None:
    """Plans forget their last step, as after a restore of the database."""
    await run.env.db.execute("UPDATE plans SET next_slice = next_slice - 1 WHERE next_slice > 1")


@dataclass(frozen=True, slots=True)
class Planted:
    bug: str  # of the watchers
    harm: str  # under this name the model finds it
    disturb: Disturbance = _nothing
    plans: int = 0


PLANTED = (
    Planted("fire without lock", "twice"),
    Planted("sibling cancelled at the trigger", "groups"),
    Planted("floor from the price", "below"),
    Planted("watermark after use", "missed"),
    Planted("slice without its key", "slices", _plans_restored, plans=4),
)


async def all_caught(env: Environment, rng: random.Random) -> tuple[str, bool]:
    missed = []
    for planted in PLANTED:
        run = Run(env, rng, sabotage={"watcher": {"bug": planted.bug}})
        book = SwingingBook(PAIR, random.Random(rng.random()))
        found = await play(run, [book], each=EACH, slots=SLOTS, disturb=planted.disturb, plans=planted.plans)
        if not found.problems[planted.harm]:
            missed.append(f"{planted.bug}: {found}")
    return "\n".join([f"{len(PLANTED) - len(missed)} of {len(PLANTED)} caught", *missed]), not missed
