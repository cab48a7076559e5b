"""The battery: every fault with its title in the table and its extent in a full run."""

import random
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from tests.chaos import (
    bug_detection,
    chain_faults,
    failover_faults,
    kill_switch_faults,
    lost_writes,
    restart_faults,
    restore_faults,
    slow_tests,
    upgrade_faults,
    watcher_faults,
    webhook_faults,
)
from tests.chaos import process_faults as processes
from tests.chaos import server_faults as servers
from tests.chaos import start_limit_faults as start_limit
from tests.chaos.environment import Environment
from tests.chaos.machines import faults as machines
from tests.chaos.waiting import bug_detection as planted_in_waiting
from tests.chaos.waiting import faults as waiting

Fault = Callable[[Environment, random.Random], Awaitable[tuple[str, bool]]]

SERVER_FAULTS: dict[str, servers.ServerFault] = {
    "Redis killed and started again": servers.redis_killed,
    "Redis flushed": servers.redis_flushed,
    "Redis: the queue's key alone deleted": servers.queue_key_deleted,
    "Redis down for 10 s": servers.redis_down,
    "Redis stalled for 3 s": servers.redis_stalled,
    "Postgres killed and started again": servers.postgres_killed,
    "Postgres down for 3 s": servers.postgres_down,
    "Postgres slow": servers.postgres_slow,
    "answers of Postgres cut short": servers.answers_cut_short,
    "connection cut after COMMIT was sent": servers.commits_unanswered,
    "the chain's connection alone cut": servers.chain_cut,
    "the chain's connection alone stalled for 3 s": servers.chain_stalled,
    "the chain's answer to a send lost": servers.sends_unanswered,
}

CUT_OFF: dict[str, Collection[tuple[str, str]]] = {
    "API and Postgres": [("api", "postgres")],
    "API and Redis": [("api", "redis")],
    "both workers and Postgres": machines.ALL_WORKERS,
    "one of two workers and Postgres": [("worker", "postgres")],
    "both workers and Redis": machines.ALL_WORKERS_AND_REDIS,
    "watcher and Postgres": [("watcher", "postgres")],
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
        servers.answer_lost_before_the_client, orders=30
    ),
    **{f"under load: {name}": partial(servers.under_load, fault, orders=300) for name, fault in SERVER_FAULTS.items()},
    "Postgres killed under load, its synchronous standby promoted": partial(failover_faults.primary_killed, orders=120),
    "Postgres cut off but alive, its synchronous standby promoted": partial(
        failover_faults.primary_cut_off, orders=120
    ),
    "Postgres killed under load, its asynchronous standby promoted, 2 s behind": partial(
        lost_writes.asynchronous_standby_promoted, orders=200
    ),
    "Postgres restored to 3 s ago from a base backup and the log, engine started": partial(
        lost_writes.restored_to_a_moment, orders=200
    ),
    "Redis killed, its replica promoted by Sentinel": partial(failover_faults.redis_primary_killed, limit=100),
    "kill switch under load, and Redis flushed while it is set": partial(
        kill_switch_faults.halted_under_load, orders=300, seconds=6.0
    ),
    "watchers killed, frozen and thawed while the market moves and fires orders": partial(
        watcher_faults.killed_while_the_market_moves, orders=6_000, moves=40
    ),
    "watchers, worker and Postgres killed while events are sent to a webhook": partial(
        webhook_faults.killed_while_events_are_sent, orders=200, kills=12
    ),
    "orders that wait, beside a model of them; watchers are restarted": partial(waiting.model_agrees, rounds=4),
    "orders that wait: watchers, worker and API killed while triggers fire": partial(
        waiting.killed_while_triggers_fire, rounds=3
    ),
    "orders that wait: Postgres and Redis killed while triggers fire": partial(
        waiting.servers_killed_while_triggers_fire, rounds=1
    ),
    "dump taken under load, restored, engine started": partial(restore_faults.restored_under_load, orders=300),
    "the same with an engine that does not reconcile: the oracle notices": partial(
        restore_faults.planted_is_caught, orders=60
    ),
    **{
        f"machines: no packet passes between {pair} for 10 s": partial(machines.cut_off, pairs=pairs, orders=90)
        for pair, pairs in CUT_OFF.items()
    },
    "machines: one is gone without a word, and connections only listen": machines.silent,
    "machines: 200 ms there and back between all": partial(machines.impaired, impair=machines.slow, orders=90),
    "machines: 2 % of the packets between all are lost": partial(machines.impaired, impair=machines.lossy, orders=90),
    "Redis flushed during a back-off": partial(servers.flushed_during_back_off, orders=40),
    "six Redis faults with 100 starts a minute": partial(servers.redis_faults_with_start_limit, orders=130),
    **{
        f"Postgres frozen for {seconds} s with starts in hand": partial(
            start_limit.postgres_frozen, orders=220, seconds=seconds
        )
        for seconds in (5, 30, 90)
    },
    "Redis restarted without its last 100 starts": partial(start_limit.redis_rolled_back, limit=100),
    "the same order delivered 10 times under different job ids": partial(processes.delivered_ten_times, orders=30),
    "an order that kills every worker that starts it": partial(processes.poison_order, others=20),
    "clocks of the processes an hour apart": partial(processes.clocks_apart, orders=100),
    "rolling restart under load (SIGTERM)": partial(restart_faults.rolling_restart, orders=300),
    "rolling upgrade under load, with a migration that adds a column": upgrade_faults.rolling_upgrade,
    "a worker stopped (SIGTERM) while Redis is down": partial(servers.stopped_while_redis_is_down, orders=8),
    **{f"on a Solana chain: {name}": fault for name, fault in chain_faults.ROWS.items()},
    "the oracle itself: five planted bugs": bug_detection.all_caught,
    "the model of orders that wait: five planted bugs": planted_in_waiting.all_caught,
    "tests too slow for `make test`": slow_tests.marked_slow,
    "tests with random examples, twelve times as many": slow_tests.many_examples,
}
