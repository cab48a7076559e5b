"""Kills while events are sent to a webhook: none is lost, each comes at least once, and those of an order in order."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence

import httpx

from tests.chaos.clients import Clients
from tests.chaos.environment import Environment
from tests.engine import eventually
from tests.receiver import Message, Receiver, receiving

REFUSED = 0.05  # of the first attempts
SLOW_SECONDS = 0.1
PACE = 7.0  # seconds for each kill: about what a watcher needs to start and to wait for the lease of another one
ROLES = ("api", "worker", "watcher", "watcher")
WORKER, *WATCHERS = 1, 2, 3
NOTHING_WAITS = "SELECT NOT EXISTS (SELECT FROM webhook_deliveries)"


async def killed_while_events_are_sent(
    env: Environment, rng: random.Random, *, orders: int, kills: int
) -> tuple[str, bool]:
    """Watchers, the worker and Postgres are killed; the receiver refuses some messages at first."""
    await env.clear()
    running = [env.start(role) for role in ROLES]
    async with receiving() as receiver:
        receiver.answer = _RefusesSome(rng)
        async with httpx.AsyncClient(base_url=env.base_url, timeout=60) as http:  # the API is starting
            created = await http.post("/api/webhooks", json={"url": receiver.url})
            assert created.status_code == 201, created.text
        clients = Clients(env.base_url, rng)
        loading = asyncio.create_task(clients.place_mixed(orders, pause=kills * PACE * 2 * 8 / orders))
        for n in range(kills):
            if n % 3 == 0:
                # Both at once, in the middle of a request: it is taken, and no watcher knows.
                await eventually(lambda: _in_flight(receiver), within=60)
                await asyncio.gather(*(running[one].kill() for one in WATCHERS))
                for one in WATCHERS:
                    running[one] = env.start("watcher")
            elif n % 3 == 1:
                await asyncio.sleep(rng.uniform(0.2, 0.6))
                await running[WORKER].kill()
                running[WORKER] = env.start("worker")
            else:
                await eventually(lambda: _in_flight(receiver), within=60)
                await env.restart_postgres()
        await loading
        await clients.finish(within=90)
        await eventually(lambda: env.db.fetchval(NOTHING_WAITS), within=300)
        events = [(str(row[0]), row[1]) for row in await env.db.fetch("SELECT order_id, seq FROM order_events")]
        lost, late, again = _compare(events, receiver)
    text = f"{orders} orders, {len(events)} events, {kills} kills: {lost} lost, {late} out of order, {again} sent again"
    return text, again > 0 and lost == late == 0


async def _in_flight(receiver: Receiver) -> bool:
    return receiver.at_once > 0


class _RefusesSome:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._seen: set[str] = set()

    async def __call__(self, message: Message) -> int:
        await asyncio.sleep(self._rng.uniform(0, SLOW_SECONDS))  # in which the watcher may be killed
        is_first = message.id not in self._seen
        self._seen.add(message.id)
        return 500 if is_first and self._rng.random() < REFUSED else 200


def _compare(events: Sequence[tuple[str, int]], receiver: Receiver) -> tuple[int, int, int]:
    """Events that never came; messages before an earlier event of their order was taken, or under another id than
    before; and messages that were taken more than once.
    """
    taken: dict[str, list[int]] = defaultdict(list)
    ids: dict[tuple[str, int], set[str]] = defaultdict(set)
    for message in receiver.taken:
        order, seq = message.event
        taken[order].append(seq)
        ids[order, seq].add(message.id)
    lost = sum(event not in ids for event in events)
    late = sum(seqs != sorted(seqs) for seqs in taken.values()) + sum(len(of_one) > 1 for of_one in ids.values())
    return lost, late, len(receiver.taken) - len(ids)
