"""The owner of books: places their orders, and changes its mind while the market moves."""

import asyncio
import contextlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.chaos.waiting.books import Book, Placed
from tests.chaos.waiting.snipers import POOL, sniper

RETRY_SECONDS = 0.1
LONGEST_RETRIES = 60.0


class Owner:
    """Places the orders of books, cancels and amends some, and repeats what was not answered."""

    def __init__(self, base_url: str) -> None:
        self.http = httpx.AsyncClient(base_url=base_url, timeout=5, limits=httpx.Limits(max_connections=32))
        self._slots = asyncio.Semaphore(12)

    async def place(self, books: Sequence[Book], *, each: int, plans: int = 0, snipers: int = 0) -> None:
        """In each book so many orders, a third of them in groups."""
        async with asyncio.TaskGroup() as group:
            for book in books:
                for n in range(each - each // 3 // 2):
                    group.create_task(self._place_one(book, n < each // 3 // 2))
                for _ in range(plans):
                    group.create_task(self._place_plan(book))
                for _ in range(snipers):
                    group.create_task(self._place_sniper(book))

    async def meddle(self, book: Book, seconds: float) -> None:
        """Cancel, amend and place while the market moves. In the middle the token of its snipers is launched."""
        times = max(2, len(book.orders) // 4)
        for n in range(times):
            await asyncio.sleep(seconds / times)
            if n == times // 2:
                await self._launch(book)
            order, choice = book.rng.choice(sorted(book.orders)), book.rng.random()
            if choice < 0.35:
                book.cancelled.add(order)
                with contextlib.suppress(httpx.HTTPError):
                    await self.http.post(f"/api/orders/{order}/cancel")
            elif choice < 0.75:
                with contextlib.suppress(httpx.HTTPError):
                    await self._amend(book, order)
            else:
                await self._place_one(book, choice > 0.95)

    async def cancel_the_rest(self, books: Sequence[Book]) -> None:
        for book in books:
            book.cancelled |= set(book.orders)
        async with asyncio.timeout(LONGEST_RETRIES):
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await self.http.post("/api/orders/cancel-all", json={})).status_code == 200:
                        return
                await asyncio.sleep(RETRY_SECONDS)

    async def _amend(self, book: Book, order: str) -> None:
        seen = await self.http.get(f"/api/orders/{order}")
        if seen.status_code == 200:
            headers = {"If-Match": str(seen.json()["seq"])}
            change = book.amendment(book.orders[order])
            answer = await self.http.patch(f"/api/orders/{order}", json=change, headers=headers)
            assert answer.status_code in (200, 409, 412, 422, 503), answer.text

    async def _place_one(self, book: Book, as_group: bool) -> None:
        if as_group:
            body = book.group()
            if (placed := await self._post(book, "/api/order-groups", body)) is not None:
                book.add_group(body, placed)
            return
        body = book.order()
        if (placed := await self._post(book, "/api/orders/execute", body)) is not None:
            book.orders[placed["orderId"]] = Placed.of(body, placed)

    async def _place_plan(self, book: Book) -> None:
        body = book.plan()
        placed = await self._post(book, "/api/orders/execute", body)
        assert placed is not None
        book.plans[placed["orderId"]] = body

    async def _place_sniper(self, book: Book) -> None:
        body = sniper(book.rng, book.launch.symbol)
        placed = await self._post(book, "/api/orders/execute", body)
        assert placed is not None
        book.orders[placed["orderId"]] = Placed.of(body, placed)

    async def _launch(self, book: Book) -> None:
        if not any(placed.body["orderType"] == "sniper" for placed in book.orders.values()):
            return
        book.launch.asked = datetime.now(UTC)
        await self._post(book, "/api/simulate/pools", POOL | {"symbol": book.launch.symbol})
        book.launch.traded = datetime.now(UTC)
        await self._place_sniper(book)

    async def _post(self, book: Book, path: str, body: Mapping[str, Any]) -> Any:
        """The answer; None: refused, because the market has moved."""
        headers = {"Idempotency-Key": str(uuid.UUID(int=book.rng.getrandbits(128)))}
        async with self._slots, asyncio.timeout(LONGEST_RETRIES):
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    answer = await self.http.post(path, json=body, headers=headers)
                    if answer.status_code in (200, 202):
                        return answer.json()
                    if answer.status_code == 422:
                        assert answer.json()["code"] in ("would_trigger_immediately", "price_band"), answer.text
                        return None
                    assert answer.status_code in (429, 503), answer.text
                await asyncio.sleep(RETRY_SECONDS)
