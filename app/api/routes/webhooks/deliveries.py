"""Deliveries to a webhook: those that have not arrived, a test, and sending again what was given up."""

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from app.api.admission import admit_cancel, admit_read, turn_to_read
from app.api.context import actor, authenticate, context
from app.api.problems import Problem
from app.api.routes.webhooks.endpoints import WebhookId, unknown_webhook, webhook_uuid
from app.api.schemas import Answer
from app.api.spec.openapi import problems
from app.api.views import as_json
from app.orders.lifecycle import Status
from app.webhooks.message import message_id
from app.webhooks.store import COUNTED, SHOWN, Undelivered

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])


class DeliveryView(Answer):
    message_id: str = Field(description="The header `webhook-id`")
    order_id: str | None = Field(description="null: a test")
    seq: int | None
    status: Status | None
    created_at: datetime
    attempts: int
    next_attempt_at: datetime | None = Field(description="Not before; null: it was given up")
    given_up_at: datetime | None
    last_error: str | None


class Deliveries(Answer):
    deliveries: list[DeliveryView] = Field(description=f"At most {SHOWN}")


class TestSent(Answer):
    message_id: str = Field(description="The header `webhook-id` of the test")


class Replayed(Answer):
    replayed: int = Field(description=f"Deliveries that are sent again after they were given up; {COUNTED}: or more")


@router.get(
    "/{webhook_id}/deliveries",
    summary="Deliveries that have not arrived",
    responses={200: {"model": Deliveries}, **problems(401, 404, 422, 429, 503)},
)
async def deliveries(
    request: Request, webhook_id: WebhookId, state: Literal["waiting", "failed"] = "failed"
) -> Response:
    """`waiting`: those that are due first. `failed`: those that were given up last."""
    ctx, caller = context(request), admit_read(request)
    async with turn_to_read(request, caller):
        if not (found := await ctx.webhooks.of(caller.owner, webhook_uuid(webhook_id))):
            raise unknown_webhook()
        shown = await ctx.webhooks.undelivered(found[0].id, failed=state == "failed")
    return as_json({"deliveries": [_view(one) for one in shown]})


@router.post(
    "/{webhook_id}/test",
    status_code=202,
    summary="Send a test",
    responses={202: {"model": TestSent}, **problems(401, 404, 409, 429, 503)},
)
async def send_test(request: Request, webhook_id: WebhookId) -> Response:
    """A message of the type `webhook.test` is sent within a second or two, and once: the list of your webhooks has the
    result. While one waits, no second one is made.
    """
    ctx, caller = context(request), authenticate(request)
    await admit_cancel(request, caller)
    webhook = webhook_uuid(webhook_id)
    if (message := await ctx.webhooks.test(caller.owner, webhook)) is not None:
        return as_json({"messageId": message_id(message)}, 202)
    if await ctx.webhooks.of(caller.owner, webhook):
        detail = "The webhook is switched off. POST to its path /replay switches it on again."
        raise Problem(409, "webhook_disabled", detail)
    raise unknown_webhook()


@router.post(
    "/{webhook_id}/replay",
    summary="Send again what was given up, and switch the webhook on",
    responses={200: {"model": Replayed}, **problems(401, 404, 429, 503)},
)
async def replay(request: Request, webhook_id: WebhookId) -> Response:
    """What waits is due at once too. Events that happened while the webhook was switched off were not kept for it."""
    ctx, caller = context(request), authenticate(request)
    await admit_cancel(request, caller)
    replayed = await ctx.webhooks.replay(actor(request, caller), caller.owner, webhook_uuid(webhook_id))
    if replayed is None:
        raise unknown_webhook()
    return as_json({"replayed": replayed})


def _view(delivery: Undelivered) -> dict[str, Any]:
    return {
        "messageId": message_id(delivery.id),
        "orderId": None if delivery.order_id is None else str(delivery.order_id),
        "seq": delivery.seq,
        "status": delivery.status,
        "createdAt": delivery.created_at,
        "attempts": delivery.attempts,
        "nextAttemptAt": delivery.due_at if delivery.given_up_at is None else None,
        "givenUpAt": delivery.given_up_at,
        "lastError": delivery.error,
    }
