"""Streams that follow all orders of an owner, when no message tells them of a new one."""

import asyncio
from datetime import datetime, timedelta

import pytest

from app.orders.store.reads import OrderReader
from tests.engine import Engine, eventually
from tests.integration.test_feed import ended, feed_of

pytestmark = pytest.mark.usefixtures("primed_queue")


@pytest.mark.parametrize("minutes", [0, 10])
async def test_an_order_of_which_no_message_came_is_read_whole_at_once(engine: Engine, minutes: int) -> None:
    """Also after the clock of Postgres was set back: new orders seemed to be known, and were never told of."""
    ahead = timedelta(minutes=minutes)

    class SetBack(OrderReader):
        async def now(self) -> datetime:
            return await super().now() + ahead

    feed = feed_of(engine, SetBack(engine.postgres))
    with feed.subscriber(owner="local") as subscriber:
        await feed.follow_owner(subscriber, "local")
        ahead = timedelta()
        await feed._heal_owners()
        order = await engine.place()
        await engine.start_worker()
        await eventually(lambda: ended(engine, order))
        await feed._heal_owners()
        assert [item.seq for item in await asyncio.wait_for(feed.next_events(subscriber), 5)] == [1, 2, 3, 4, 5]
