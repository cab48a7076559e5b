"""Sends the deliveries: the task of a watcher. Each webhook that has something due is served by a task of its own.

Several orders of a webhook are sent at once, the events of one order one after the other. Nothing is sent within the
last seconds of the lease, so another watcher that takes over is not overtaken by this one.
"""

import asyncio
import contextlib
import itertools
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from app import metrics
from app.batching import Batcher
from app.postgres.errors import DatabaseUnavailable, RowLocked
from app.tasks import cancel_and_wait, count_failure
from app.webhooks import message, signing
from app.webhooks.deliveries import Delivery, DeliveryStore, Result, Served
from app.webhooks.sender import IDLE_SECONDS, SECONDS, Sender
from app.webhooks.statements import LEASE_SECONDS

MAX_WEBHOOKS = 40  # that one watcher serves at once, and whose receivers answer
SLOW_SECONDS = 0.1  # a receiver that has not answered for so long takes nobody's place
SLOW_CONNECTIONS = 400  # to such receivers; what is beyond counts like the others
TURN_SECONDS = 20.0  # then others of the webhooks that wait come first
MARGIN = SECONDS + 2  # of the lease, for one attempt
RECORD_AGAIN = 0.2  # seconds
TIDY_SECONDS = 60.0
CANNOT_SIGN = "it cannot be signed: ENGINE_SECRET is another one than when the secret was made; rotate the secret"

log = logging.getLogger("engine.webhooks")


@dataclass
class _Turn:
    webhook: Served
    until: float  # of the lease, on the monotonic clock
    ends: float
    failures: int = 0  # in a row
    next_at: float = 0.0  # not sent before
    keys: list[bytes] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)  # of the attempts under way, the first one first


class Deliverer:
    def __init__(
        self, store: DeliveryStore, sender: Sender, secrets: signing.Secrets, *, at_once: int, per_second: int
    ) -> None:
        self._store = store
        self._sender = sender
        self._secrets = secrets
        self._at_once = at_once  # orders of one webhook
        self._interval = 1 / per_second
        self._me = uuid4()
        self._turns: dict[UUID, _Turn] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._record: Batcher[Result, None] = Batcher(self._record_all, key=lambda result: result.delivery.id)
        self._tidy_at = 0.0

    async def round(self) -> bool:
        """Serve the webhooks that have something due; whether there may be more to do at once: no."""
        now = time.monotonic()
        if self._turns:
            kept = {served.id: served for served in await self._store.keep(self._me, list(self._turns))}
            for turn in list(self._turns.values()):
                if served := kept.get(turn.webhook.id):
                    turn.webhook, turn.keys = served, self._keys(served)
                    turn.until = now + LEASE_SECONDS if served.is_kept else turn.until
                else:
                    turn.ends = 0.0
        now = time.monotonic()
        slow = sum(now - turn.asked_at[0] > SLOW_SECONDS for turn in self._turns.values() if turn.asked_at)
        if (free := MAX_WEBHOOKS + min(slow, SLOW_CONNECTIONS // self._at_once) - len(self._turns)) > 0:
            for served in await self._store.take(self._me, free):
                turn = _Turn(served, now + LEASE_SECONDS, now + TURN_SECONDS, keys=self._keys(served))
                self._turns[served.id] = turn
                task = asyncio.create_task(self._serve(turn), name="webhook")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        await self._sender.close(idle_for=SECONDS + IDLE_SECONDS)
        metrics.WEBHOOKS_BEHIND.set(await self._store.behind())
        if (time.monotonic() > self._tidy_at or self._store.set_back) and not await self._store.tidy():
            self._tidy_at = time.monotonic() + TIDY_SECONDS
        return False

    async def stop(self) -> None:
        """Another watcher goes on at once."""
        held = list(self._turns)
        await cancel_and_wait(*self._tasks)
        with contextlib.suppress(DatabaseUnavailable):
            await self._record.settled()
            await self._store.release(self._me, held)
        await self._sender.close()

    def _keys(self, served: Served) -> list[bytes]:
        """Those to sign with, the newest first. None: they were made with another ENGINE_SECRET."""
        salts = [served.salt] if served.previous_salt is None else [served.salt, served.previous_salt]
        keys = [self._secrets.key(served.id, salt) for salt in salts]
        return keys if signing.digest(keys[0]) == served.digest else []

    async def _serve(self, turn: _Turn) -> None:
        try:
            if not turn.keys:
                log.error("a webhook is not served: %s", CANNOT_SIGN, extra={"webhook": turn.webhook.id})
                await self._store.broken(turn.webhook.id, CANNOT_SIGN)
            while self._goes_on(turn):
                if turn.webhook.hurried_at is not None:
                    await self._hurry(turn)
                elif page := await self._store.due(turn.webhook.id):
                    await self._send_all(turn, page)
                else:
                    break
            await self._store.release(self._me, [turn.webhook.id])
        except DatabaseUnavailable as error:  # the lease ends by itself
            log.warning("a webhook waits for Postgres", extra={"error": repr(error.__cause__)})
        except Exception:
            count_failure("webhooks")
        finally:
            if self._turns.get(turn.webhook.id) is turn:  # its release may be in force before that was answered
                del self._turns[turn.webhook.id]

    def _goes_on(self, turn: _Turn) -> bool:
        """Not while nothing arrives: the pauses between attempts are those of the webhook then."""
        now = time.monotonic()
        return now < turn.until - MARGIN and now < turn.ends and turn.failures < self._at_once and bool(turn.keys)

    async def _hurry(self, turn: _Turn) -> None:
        """Make its deliveries due, page by page, before any is sent. What is left is for the next turn."""
        webhook = turn.webhook
        for page in (self._store.replay_page, self._store.hurry_page):
            after = None
            while self._goes_on(turn) and (after := await page(webhook, after)) is not None:
                pass
        if self._goes_on(turn):
            await self._store.hurry_done(webhook)
            if turn.webhook.hurried_at == webhook.hurried_at:
                turn.webhook = replace(turn.webhook, hurried_at=None)

    async def _send_all(self, turn: _Turn, page: Sequence[Delivery]) -> None:
        orders = deque(list(events) for _, events in itertools.groupby(page, key=lambda one: one.order or one.id))

        async def send_orders() -> None:
            while orders and self._goes_on(turn):
                for delivery in orders.popleft():
                    await self._pace(turn)
                    if not self._goes_on(turn) or not await self._send(turn, delivery):
                        break

        at_once = min(self._at_once, len(orders))
        for error in await asyncio.gather(*(send_orders() for _ in range(at_once)), return_exceptions=True):
            if isinstance(error, BaseException):
                raise error

    async def _pace(self, turn: _Turn) -> None:
        at = max(time.monotonic(), turn.next_at)
        turn.next_at = at + self._interval
        await asyncio.sleep(at - time.monotonic())

    async def _send(self, turn: _Turn, delivery: Delivery) -> bool:
        """Whether the next event of the order may follow."""
        webhook, body = turn.webhook, message.body_of(delivery)
        if body is None:
            await self._recorded(turn, Result(delivery=delivery, webhook=webhook.id))
            return True
        signed = signing.headers(turn.keys, message.message_id(delivery.id), int(time.time()), body)
        turn.asked_at.append(asked_at := time.monotonic())
        answer = await self._sender.post(webhook.owner, webhook.url, signed, body)
        turn.asked_at.remove(asked_at)
        arrived = answer.error is None
        turn.failures = 0 if arrived else turn.failures + 1
        metrics.WEBHOOK_ATTEMPTS.labels("delivered" if arrived else "failed").inc()
        result = Result(delivery=delivery, webhook=webhook.id, error=answer.error, arrived=arrived, gone=answer.gone)
        await self._recorded(turn, result)
        return arrived

    async def _recorded(self, turn: _Turn, result: Result) -> None:
        """While Postgres is down it is tried again, as long as the lease holds: otherwise it would be sent twice."""
        while True:
            try:
                return await self._record(result)
            except DatabaseUnavailable:
                if time.monotonic() > turn.until:
                    raise
                await asyncio.sleep(RECORD_AGAIN)

    async def _record_all(self, results: list[Result]) -> Sequence[RowLocked | None]:
        rows = await self._store.record(results)
        locked = {row["locked"] for row in rows}
        for row in (row for row in rows if row["locked"] is None):
            who = {"webhook": row["id"], "owner": row["owner"]}
            log.warning("a webhook was switched off: %s", row["disabled_why"], extra=who)
            metrics.WEBHOOKS_DISABLED.inc()
        return [RowLocked() if result.delivery.id in locked else None for result in results]
