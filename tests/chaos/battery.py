"""The battery: every fault, what it is called in the table, and how much of it a full run does."""

import random
from collections.abc import Awaitable, Callable
from functools import partial

from tests.chaos import bugs
from tests.chaos import faults_of_processes as processes
from tests.chaos import faults_of_servers as servers
from tests.chaos.stage import Scene

Fault = Callable[[Scene, random.Random], Awaitable[tuple[str, bool]]]

BLOWS: dict[str, servers.Blow] = {
    "Redis killed and started again": servers.redis_killed,
    "Redis flushed": servers.redis_flushed,
    "Redis: the queue's key alone deleted": servers.queue_key_deleted,
    "Redis away for 10 s": servers.redis_unavailable,
    "Redis stalled for 3 s": servers.redis_stalled,
    "Postgres killed and started again": servers.postgres_killed,
    "Postgres away for 3 s": servers.postgres_away,
    "Postgres slow": servers.postgres_slow,
    "answers of Postgres cut short": servers.answers_cut_short,
    "connection cut after COMMIT was sent": servers.commits_unanswered,
    "the chain's connection alone cut": servers.chain_cut,
    "the chain's connection alone stalled for 3 s": servers.chain_stalled,
    "the chain's answer to a send lost": servers.sends_unanswered,
}

FAULTS: dict[str, Fault] = {
    "worker SIGKILLed before and after every commit and every send": partial(
        processes.killed_at_every_point, repeats=3
    ),
    "random kills of workers and API under load": partial(processes.killed_at_random, orders=1000, kills=200),
    "a worker frozen past its lease, its orders taken over, then thawed": partial(
        processes.frozen_and_thawed, orders=30
    ),
    "API killed between commit and queueing": partial(processes.api_killed_before_queueing, repeats=5),
    "connection cut after commit and before the answer, client retries with its key": partial(
        servers.answer_lost_on_the_way_to_the_client, orders=30
    ),
    **{f"under load: {name}": partial(servers.under, blow, orders=300) for name, blow in BLOWS.items()},
    "Redis flushed during a back-off": partial(servers.flushed_during_back_off, orders=40),
    "six Redis faults with 100 starts a minute": partial(servers.redis_faults_with_the_limit_on, orders=130),
    "the same order delivered 10 times under different job ids": partial(processes.delivered_ten_times, orders=30),
    "an order that kills every worker that starts it": partial(processes.poisonous_order, others=20),
    "clocks of the processes an hour apart": partial(processes.clocks_apart, orders=100),
    "rolling restart under load (SIGTERM)": partial(processes.rolling_restart, orders=300),
    "a worker stopped (SIGTERM) while Redis is away": partial(servers.stopped_while_redis_is_away, orders=8),
    "the oracle itself: five planted bugs": bugs.all_caught,
}
