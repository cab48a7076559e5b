"""The kill switch: read it, and set it for all owners or for one."""

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from app.access.authentication import LOCAL_OWNER
from app.api.admission import admit_read
from app.api.context import ApiContext, actor, arrived_at, authenticate, context, operators_only
from app.api.json_body import read_object
from app.api.names import did_you_mean
from app.api.problems import Problem, invalid_request
from app.api.schemas import Answer, SetKillSwitch
from app.api.spec.openapi import body, problems
from app.api.validation import read_request
from app.api.views import as_json
from app.orders.kill_switch.states import ALL, TradingState
from app.orders.kill_switch.switch import KillSwitchChanged, SwitchEntry
from app.tasks import cancel_and_wait

Result = TypeVar("Result")

log = logging.getLogger("engine.api")

router = APIRouter(prefix="/api", tags=["operator"])


class SwitchState(Answer):
    """What was set for all owners, or for one."""

    owner: str | None = Field(description="null: for all owners")
    state: TradingState
    reason: str
    set_by: str | None = Field(description="The owner of the key that set it; shown to operators only")
    set_at: datetime


class KillSwitchView(Answer):
    state: TradingState = Field(description="What applies to you: the stricter of the two below")
    all: SwitchState | None = Field(description="For all owners; null: it was never set")
    own: SwitchState | None = Field(description="For you; null: it was never set")
    owners: list[SwitchState] | None = Field(
        None, description="Operators only: all other owners who are not `active`, latest change first, at most 1000"
    )


@router.get(
    "/kill-switch",
    summary="Whether orders are accepted, started and sent",
    responses={200: {"model": KillSwitchView}, **problems(401, 429, 503)},
)
async def get_kill_switch(request: Request) -> Response:
    """`active`: they are. `reducing`: no new orders; those under way go on. `halted`: nothing starts or is sent either;
    swaps that were sent are still followed, and orders can be cancelled.
    """
    ctx, caller = context(request), admit_read(request)
    entries = await ctx.kill_switch.entries(caller.owner, of_others=caller.operator)
    views = {entry.scope: _view(entry, with_setter=caller.operator) for entry in entries}
    await ctx.kill_switch.read()
    answer = {
        "state": ctx.kill_switch.state(caller.owner),
        "all": views.pop(ALL, None),
        "own": views.pop(caller.owner, None),
    }
    return as_json(answer | ({"owners": list(views.values())} if caller.operator else {}))


@router.put(
    "/kill-switch",
    summary="Stop or release trading",
    responses={200: {"model": SwitchState}, **problems(400, 401, 403, 409, 413, 415, 422, 503)},
    openapi_extra=body(
        "SetKillSwitch",
        {
            "halt": {"summary": "Stop everything", "value": {"state": "halted", "reason": "Prices are wrong."}},
            "owner": {
                "summary": "Release one owner",
                "value": {"state": "active", "reason": "Back on Monday.", "owner": "local"},
            },
            "release": {"summary": "Trade again", "value": {"state": "active", "reason": "Prices are right again."}},
        },
    ),
)
async def set_kill_switch(request: Request) -> Response:
    """Of the state for all owners and an owner's own, the stricter one applies. When a halt is answered, nothing starts
    any more, and no swap leaves. Other API processes refuse new orders within a second. A release that would undo a
    later halt gets 409, and one whose client has gone is dropped.
    """
    arrived = arrived_at(request)
    operators_only(authenticate(request))
    wanted = read_request(SetKillSwitch, await read_object(request))
    if wanted.owner is not None:
        await _check_owner(context(request), wanted.owner)
    return as_json(await switch(request, wanted.owner or ALL, wanted.state, wanted.reason, arrived=arrived))


async def _check_owner(ctx: ApiContext, owner: str) -> None:
    """With a typing error a halt would stop nobody, and look like one that did."""
    if not (ctx.authenticator.local and owner == LOCAL_OWNER) and not await ctx.kill_switch.is_owner(owner):
        hint = did_you_mean(owner, await ctx.kill_switch.owners())
        raise invalid_request([("/owner", f"has no API key and no order{hint}")])


async def switch(
    request: Request, scope: str, state: TradingState, reason: str, *, arrived: float | None = None
) -> dict[str, Any]:
    """Set it, as the operator that makes this request, which arrived at this time of `time.monotonic`."""
    ctx, caller = context(request), authenticate(request)
    operators_only(caller)
    setting = ctx.kill_switch.set(
        scope,
        state,
        reason=reason,
        actor=actor(request, caller),
        audit=ctx.audit,
        arrived=arrived_at(request) if arrived is None else arrived,
    )
    try:
        entry = await (setting if state is TradingState.HALTED else _unless_gone(request, setting))
    except KillSwitchChanged:
        detail = "The kill switch was set meanwhile, to a stricter state. Look at it, and decide again."
        raise Problem(409, "kill_switch_changed", detail) from None
    return _view(entry, with_setter=True)


async def _unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Cancels the work when the client disconnects: nobody waits for its result, or knows that it may still happen."""
    working, gone = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        log.warning("the client left before its change of the kill switch, which is dropped")
        raise KillSwitchChanged
    finally:
        await cancel_and_wait(working, gone)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _view(entry: SwitchEntry, *, with_setter: bool) -> dict[str, Any]:
    return {
        "owner": None if entry.scope == ALL else entry.scope,
        "state": entry.state,
        "reason": entry.reason,
        "setBy": entry.set_by if with_setter else None,
        "setAt": entry.set_at,
    }
