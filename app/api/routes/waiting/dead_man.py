"""The dead man's switch of the caller: all orders are cancelled unless it is renewed in time."""

from datetime import datetime
from functools import partial

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from app.api.admission import admit_cancel, admit_read, still_there
from app.api.context import authenticate, context
from app.api.json_body import read_object
from app.api.schemas import Answer, SetDeadMan
from app.api.spec.openapi import body, problems
from app.api.validation import read_request
from app.api.views import as_json
from app.orders.waiting.dead_men import DeadMan

router = APIRouter(prefix="/api", tags=["orders"])


class DeadManView(Answer):
    seconds: int = Field(description="How long you may be silent; 0: it is off", examples=[60])
    cancels_at: datetime | None = Field(description="When your orders are cancelled unless you renew it; null: never")
    fired_at: datetime | None = Field(description="When it last cancelled your orders; null: it never did")
    cancelled: int | None = Field(description="How many orders it cancelled then")


@router.put(
    "/dead-man",
    summary="Cancel all of your orders unless you call this again in time",
    responses={200: {"model": DeadManView}, **problems(400, 401, 413, 415, 422, 429, 503)},
    openapi_extra=body(
        "SetDeadMan",
        {
            "minute": {"summary": "Within a minute from now", "value": {"seconds": 60}},
            "off": {"summary": "Switch it off", "value": {"seconds": 0}},
        },
    ),
)
async def set_dead_man(request: Request) -> Response:
    """Send it every 20 seconds with 60: if your program or its connection dies, all of your orders are cancelled with
    the code `dead_man`; those whose swap was sent, once that is proven dead. It has fired once then, and is off until
    you set it again.

    The clock is that of the database. While the engine itself is down you cannot renew it: it fires once the engine is
    back.
    """
    ctx, caller = context(request), authenticate(request)
    wanted = read_request(SetDeadMan, await read_object(request))
    await admit_cancel(request, caller)
    state = await ctx.dead_men.set(caller.owner, wanted.seconds, before_each_try=partial(still_there, request))
    return as_json(_view(state))


@router.get(
    "/dead-man",
    summary="When your orders are cancelled unless you renew it",
    responses={200: {"model": DeadManView}, **problems(401, 429, 503)},
)
async def get_dead_man(request: Request) -> Response:
    caller = admit_read(request)
    return as_json(_view(await context(request).dead_men.state(caller.owner)))


def _view(state: DeadMan) -> dict[str, object]:
    return {
        "seconds": state.seconds,
        "cancelsAt": state.cancels_at,
        "firedAt": state.fired_at,
        "cancelled": state.cancelled,
    }
