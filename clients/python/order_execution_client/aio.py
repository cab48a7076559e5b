"""The client for asyncio."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from websockets.asyncio.client import connect

from order_execution_client import _calls
from order_execution_client._calls import Attempts, Call
from order_execution_client._stream import BREAKS, Breaks, Follow, socket_options
from order_execution_client.answers import Event, Group, Order, Placed, PlacedGroup, Webhook
from order_execution_client.orders import AnyGroup, AnyOrder

Result = TypeVar("Result")


class AsyncClient:
    """Used as `async with`. `patience`: for how many seconds a call goes on trying while the engine cannot answer."""

    def __init__(
        self, base_url: str = "http://localhost:3000", api_key: str | None = None, *, patience: float = 30.0
    ) -> None:
        self._url, self._key, self._patience = base_url.rstrip("/"), api_key, patience
        self._http = httpx.AsyncClient(**_calls.http_options(self._url, api_key))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def place(self, order: AnyOrder, *, key: str | None = None) -> Placed:
        """One key places one order, however often it is sent. Without one, a key is made for this call."""
        return await self._send(_calls.place(order, key))

    async def place_group(self, group: AnyGroup, *, key: str | None = None) -> PlacedGroup:
        return await self._send(_calls.place_group(group, key))

    async def order(self, order_id: str) -> Order:
        return await self._send(_calls.order(order_id))

    async def group(self, group_id: str) -> Group:
        return await self._send(_calls.group(group_id))

    async def orders(
        self,
        *,
        status: str | None = None,
        token_in: str | None = None,
        token_out: str | None = None,
        venue: str | None = None,
        placed_from: datetime | None = None,
        placed_before: datetime | None = None,
    ) -> AsyncIterator[Order]:
        """Your orders, newest first."""
        query: dict[str, Any] = {"status": status, "token_in": token_in, "token_out": token_out, "venue": venue}
        query |= {"from": placed_from, "before": placed_before}
        cursor: str | None = None
        while True:
            page = await self._send(_calls.orders(query, cursor))
            for order in page.orders:
                yield order
            if (cursor := page.next_cursor) is None:
                return

    def open(self) -> AsyncIterator[Order]:
        """Your orders that wait, newest first."""
        return self.orders(status="open")

    async def cancel(self, order_id: str) -> Order:
        """Its status is `cancelled`, or its swap was sent: then it is cancelled unless that lands."""
        return await self._send(_calls.cancel(order_id))

    async def cancel_all(
        self,
        *,
        token_in: str | None = None,
        token_out: str | None = None,
        order_type: str | None = None,
        group_id: str | None = None,
    ) -> int:
        """How many were cancelled."""
        chosen = {"token_in": token_in, "token_out": token_out, "order_type": order_type, "group_id": group_id}
        return await self._send(_calls.cancel_all(chosen))

    async def amend(self, order: Order, **changes: Any) -> Order:
        """`limit_price`, `trigger`, `slippage_bps`, `expires_at`. `Conflict` if the order is no longer as given."""
        return await self._send(_calls.amend(order.order_id, order.seq, changes))

    async def create_webhook(
        self, url: str, *, statuses: Sequence[str] | None = None, description: str | None = None
    ) -> Webhook:
        """Your events are sent there from now on. Keep its `secret`: it is shown once."""
        return await self._send(_calls.create_webhook(url, statuses, description))

    async def webhooks(self) -> Sequence[Webhook]:
        return (await self._send(_calls.webhooks())).webhooks

    async def delete_webhook(self, webhook_id: str) -> None:
        await self._send(_calls.delete_webhook(webhook_id))

    async def watch(self, *order_ids: str, after: Mapping[str, int] | None = None) -> AsyncGenerator[Event, None]:
        """All events of these orders until all have ended, each once. Resumes by itself when the connection breaks.

        `after`: order id → `seq` of the last event that you have; the next one is the first you receive.
        """
        follow, breaks = Follow(order_ids, after or {}), Breaks(self._patience, self._url)
        for order_id in follow.resumed:
            follow.drop_if_ended(await self.order(order_id))
        while not follow.done:
            try:
                async with connect(**socket_options(self._url, self._key)) as socket:
                    breaks.opened()
                    for frame in follow.subscriptions():
                        await socket.send(frame)
                    while not follow.done:
                        if event := follow.receive(await socket.recv()):
                            breaks.received()
                            yield event
            except BREAKS as error:
                pause = breaks.pause(error)
                await asyncio.sleep(pause)

    async def _send(self, call: Call[Result]) -> Result:
        attempts = Attempts(call, self._patience, self._url)
        while True:
            body = bytearray()
            try:
                async with self._http.stream(**attempts.request()) as response:
                    async for piece in response.aiter_bytes():
                        _calls.add(body, piece)
            except httpx.RequestError as error:
                pause = attempts.after_error(error)
            else:
                if response.is_success:
                    return attempts.result(bytes(body))
                pause = attempts.after_refusal(response, bytes(body))
            await asyncio.sleep(pause)
