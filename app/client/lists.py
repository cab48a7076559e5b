"""`engine orders`, `open`, `dead-letters`, `audit`, `webhooks list` and `show`. Each returns its exit code."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from app.client.commands import print_json, say
from app.client.engine import Engine
from app.client.fields import json_object, rows_in, text_in, timestamp_in
from app.client.format import event_line
from app.client.responses import Event
from app.client.tables import FACTS, Table

PAGE = 200  # rows that the API gives at once
ALL = 1_000_000


async def list_rows(
    engine: Engine, table: Table, query: Mapping[str, str | None], limit: int, *, as_json: bool = False
) -> int:
    """Prints the newest `limit` rows; as JSON each page of the API is one line."""
    rows: list[Mapping[str, Any]] = []
    asked = {name: value for name, value in query.items() if value is not None}
    more: str | None = ""
    while more is not None and len(rows) < limit:
        page = {"limit": str(min(limit - len(rows), PAGE))} if table.paged else {}
        page |= {"cursor": more} if more else {}
        body = await engine.request("GET", table.path, params=asked | page)
        if as_json:
            print_json(body)
        answer = json_object(body)
        rows += rows_in(answer, table.rows)
        more = text_in(answer, "nextCursor")
    if as_json:
        return 0
    for line in table.lines(rows) if rows else [table.empty]:
        typer.echo(line)
    if more is not None:
        typer.echo(f"engine: There may be more than these {len(rows)}: use --limit.", err=True)
    return 0


async def show(engine: Engine, order_id: str, *, as_json: bool = False) -> int:
    return say(await engine.request_of("GET", order_id), _shown, as_json)


def _shown(order: Mapping[str, Any]) -> Iterator[str]:
    """What became of it, and its events."""
    for name, fact in FACTS.items():
        if found := fact(order):
            yield f"{name:8}  {found}"
    yield ""
    placed = timestamp_in(order, "createdAt")
    for event in rows_in(order, "events"):
        yield event_line(Event.of(event), placed)
