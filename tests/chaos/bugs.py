"""Is the oracle awake? Each planted bug meets the fault in which it hurts, and has to turn the verdict red."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.chaos.crowd import Crowd
from tests.chaos.faults_of_processes import verdict_of
from tests.chaos.oracle import Verdict
from tests.chaos.stage import Scene
from tests.engine import eventually

Sabotage = Mapping[str, Any]


async def no_fence(scene: Scene, crowd: Crowd) -> Verdict:
    """Frozen while it asks for quotes, thawed when another worker has filled the order."""
    # The database's own guard of the lifecycle would refuse what this bug writes: it is taken away as well.
    await scene.db.execute("ALTER TABLE orders DISABLE TRIGGER orders_legal_moves")
    try:
        frozen = scene.start("worker", {"MOCK_QUOTE_MS": "600"}, fate={"bug": "no fence"})
        await crowd.place(3)
        await eventually(lambda: _count(scene, "status = 'routing'", 3))
        frozen.send(signal.SIGSTOP)
        scene.start("worker", fate={"bug": "no fence"})
        await eventually(lambda: _count(scene, "status = 'confirmed'", 3), within=20)
        frozen.send(signal.SIGCONT)

        async def written() -> bool:
            return bool(await scene.db.fetchval("SELECT bool_or(seq > 8) FROM orders"))

        await eventually(written, within=10)
        return await verdict_of(scene, crowd, within=5)
    finally:
        await scene.db.execute("ALTER TABLE orders ENABLE TRIGGER orders_legal_moves")


async def publish_before_commit(scene: Scene, crowd: Crowd) -> Verdict:
    """Killed between saying that it builds and writing it."""
    fate = {"bug": "publish before commit", "die": {"when": "before", "what": "commit", "n": 2}}
    return await _killed_then_healthy(scene, crowd, fate)


async def no_sweeper(scene: Scene, crowd: Crowd) -> Verdict:
    """The API is killed before it queues; nobody ever looks."""
    scene.start("worker", fate={"bug": "no sweeper"})
    for process in scene.processes:
        if "api" in process.log.name:
            await process.kill()
    doomed = scene.start("api", fate={"die": {"when": "before", "what": "queue", "n": 1}})
    placing = asyncio.create_task(crowd.place(1))
    await doomed.gone()
    scene.start("api")
    await placing
    return await verdict_of(scene, crowd, within=8)


async def sign_again_on_resend(scene: Scene, crowd: Crowd) -> Verdict:
    """Killed after sending; whoever takes over signs anew."""
    fate = {"die": {"when": "after", "what": "send", "n": 1}}
    return await _killed_then_healthy(scene, crowd, fate, {"bug": "sign again on resend"})


async def failed_said_early(scene: Scene, crowd: Crowd) -> Verdict:
    """Attempts fail, and are tried again."""
    scene.start("worker", {"MOCK_FAILURE_RATE": "0.5"}, fate={"bug": "failed said early"})
    await crowd.place(12)
    return await verdict_of(scene, crowd, within=15)


async def _killed_then_healthy(scene: Scene, crowd: Crowd, fate: Sabotage, then: Sabotage | None = None) -> Verdict:
    doomed = scene.start("worker", fate=fate)
    await crowd.place(1)
    assert await doomed.gone() == -signal.SIGKILL
    scene.start("worker", fate=then)
    return await verdict_of(scene, crowd, within=15)


async def _count(scene: Scene, where: str, wanted: int) -> bool:
    return int(await scene.db.fetchval(f"SELECT count(*) FROM orders WHERE {where}")) == wanted


Bug = Callable[[Scene, Crowd], Awaitable[Verdict]]
PLANTED: tuple[Bug, ...] = (no_fence, publish_before_commit, no_sweeper, sign_again_on_resend, failed_said_early)


async def all_caught(scene: Scene, rng: random.Random) -> tuple[str, bool]:
    """Every planted bug turns the oracle red."""
    missed = []
    for bug in PLANTED:
        await scene.clear()
        scene.start("api")
        verdict = await bug(scene, Crowd(scene.base_url, rng))
        if verdict.clean:
            missed.append(bug.__name__)
    return f"{len(PLANTED) - len(missed)} of {len(PLANTED)} caught {' '.join(missed)}".rstrip(), not missed
