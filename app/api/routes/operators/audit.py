"""The audit log: what operators did, and which requests were refused."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from app.api.admission import admit_read, turn_to_read
from app.api.context import context, operators_only
from app.api.schemas import Answer
from app.api.spec.openapi import problems
from app.api.views import as_json
from app.audit import StoredEntry

router = APIRouter(prefix="/api", tags=["operator"])

NEWEST = 2**63 - 1


class AuditEntry(Answer):
    id: int
    at: datetime
    action: str = Field(examples=["kill_switch.set"])
    outcome: str = Field(description="`begun`, `done`, or the code of a problem", examples=["done"])
    owner: str | None = Field(description="Of the key that was used; `os:` and a user for the command line")
    key_prefix: str | None
    address: str | None
    request_id: str | None
    details: dict[str, Any]
    left_out: int = Field(description="How many more requests like this one were refused and have no entry")


class AuditPage(Answer):
    entries: list[AuditEntry]
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null: this was the last")


@router.get(
    "/audit",
    summary="What operators did, and which requests were refused",
    responses={200: {"model": AuditPage}, **problems(401, 403, 422, 429, 503)},
)
async def audit(
    request: Request,
    owner: Annotated[
        str | None, Query(max_length=80, pattern="^[ -~]+$", description="Only what keys of this owner did")
    ] = None,
    action: Annotated[str | None, Query(max_length=40, pattern="^[a-z_.]+$", description="Only this action")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description="From `nextCursor`")] = None,
) -> Response:
    """Newest first. An operator's action has an entry `begun` and one with its outcome."""
    operators_only(caller := admit_read(request))
    before = NEWEST if cursor is None else int(cursor)
    async with turn_to_read(request, caller):
        stored = await context(request).audit.page(before, owner, action, limit + 1)
    more = str(stored[limit - 1].id) if len(stored) > limit else None
    return as_json({"entries": [_view(one) for one in stored[:limit]], "nextCursor": more})


def _view(stored: StoredEntry) -> dict[str, Any]:
    entry, actor = stored.entry, stored.entry.actor
    return {
        "id": stored.id,
        "at": stored.at,
        "action": entry.action,
        "outcome": entry.outcome,
        "owner": actor.owner,
        "keyPrefix": actor.key_prefix,
        "address": actor.address,
        "requestId": actor.request_id,
        "details": entry.details,
        "leftOut": entry.left_out,
    }
