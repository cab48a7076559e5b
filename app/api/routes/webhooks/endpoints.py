"""Webhooks: the engine sends the caller's events to a server of the caller's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from app.api.admission import admit_cancel, admit_read, read_body
from app.api.context import actor, authenticate, context
from app.api.problems import Problem, invalid_request
from app.api.schemas import Answer, CreateWebhook
from app.api.spec.openapi import body, problems
from app.api.validation import read_request
from app.api.views import as_json
from app.orders.lifecycle import Status
from app.webhooks.addresses import refusal
from app.webhooks.store import COUNTED, MAX_PER_OWNER, Webhook

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])

WebhookId = Annotated[str, Path(description="The `id` from the answer to creating the webhook")]


class WebhookView(Answer):
    id: str
    url: str
    description: str | None
    statuses: list[Status] | None = Field(description="Only events with these are sent; null: all")
    enabled: bool
    disabled_at: datetime | None = Field(description="When it was switched off")
    disabled_why: str | None = Field(examples=["nothing has arrived for three days"])
    failing_since: datetime | None = Field(description="The first failure since the last success")
    last_delivered_at: datetime | None
    last_failed_at: datetime | None
    last_error: str | None = Field(examples=["HTTP 500"])
    waiting: int = Field(description=f"Deliveries that wait; {COUNTED}: or more")
    failed: int = Field(description=f"Deliveries that were given up after three days; {COUNTED}: or more")
    previous_secret_until: datetime | None = Field(description="Until then the secret before signs too")
    created_at: datetime


class NewSecret(WebhookView):
    secret: str = Field(description="Keep it: it is shown once", examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class Webhooks(Answer):
    webhooks: list[WebhookView]


class Deleted(Answer):
    id: str
    deleted: bool


@router.post(
    "",
    status_code=201,
    summary="Have events sent to a URL",
    responses={201: {"model": NewSecret}, **problems(400, 401, 409, 413, 415, 422, 429, 503)},
    openapi_extra=body(
        "CreateWebhook",
        {
            "all": {"summary": "All events of all your orders", "value": {"url": "https://bot.example.com/engine"}},
            "ends": {
                "summary": "Only how orders end",
                "value": {
                    "url": "https://bot.example.com/fills",
                    "statuses": ["confirmed", "failed", "cancelled", "expired", "completed"],
                    "description": "the ledger",
                },
            },
        },
    ),
)
async def create_webhook(request: Request) -> Response:
    """Each event of your orders from now on is sent in a POST, signed as standardwebhooks.com specifies: at least once,
    the events of one order in their order. Any answer 2xx within 10 seconds takes it. Otherwise it is sent again, for
    three days; a webhook of which nothing has arrived for so long is switched off. `webhook-id` is the same in each
    attempt: use it to leave out what you have had.
    """
    ctx, caller = context(request), authenticate(request)
    wanted = read_request(CreateWebhook, await read_body(request))
    if why := refusal(wanted.url, local=ctx.settings.engine_mode == "local"):
        raise invalid_request([("/url", why)])
    await admit_cancel(request, caller)
    statuses = sorted(set(wanted.statuses)) if wanted.statuses else None
    made = await ctx.webhooks.create(actor(request, caller), caller.owner, wanted.url, statuses, wanted.description)
    if made is None:
        detail = f"You have {MAX_PER_OWNER} webhooks, as many as one owner may have. Delete one first."
        raise Problem(409, "too_many_webhooks", detail)
    webhook, secret = made
    return as_json({**view(webhook), "secret": secret}, 201)


@router.get(
    "",
    summary="Your webhooks, and how their deliveries go",
    responses={200: {"model": Webhooks}, **problems(401, 429, 503)},
)
async def list_webhooks(request: Request) -> Response:
    caller = admit_read(request)
    return as_json({"webhooks": [view(one) for one in await context(request).webhooks.of(caller.owner)]})


@router.delete(
    "/{webhook_id}",
    summary="Delete a webhook, and what waits for it",
    responses={200: {"model": Deleted}, **problems(401, 404, 429, 503)},
)
async def delete_webhook(request: Request, webhook_id: WebhookId) -> Response:
    ctx, caller = context(request), authenticate(request)
    await admit_cancel(request, caller)
    if not await ctx.webhooks.delete(actor(request, caller), caller.owner, webhook_uuid(webhook_id)):
        raise unknown_webhook()
    return as_json({"id": webhook_id, "deleted": True})


@router.post(
    "/{webhook_id}/rotate",
    summary="Replace the secret; the old one signs too for a day",
    responses={200: {"model": NewSecret}, **problems(401, 404, 429, 503)},
)
async def rotate_secret(request: Request, webhook_id: WebhookId) -> Response:
    """For a day each delivery has a signature of either secret. A second rotation within the day ends the first secret
    at once.
    """
    ctx, caller = context(request), authenticate(request)
    await admit_cancel(request, caller)
    rotated = await ctx.webhooks.rotate(actor(request, caller), caller.owner, webhook_uuid(webhook_id))
    if rotated is None:
        raise unknown_webhook()
    webhook, secret = rotated
    return as_json({**view(webhook), "secret": secret})


def view(webhook: Webhook) -> Mapping[str, Any]:
    return {
        "id": str(webhook.id),
        "url": webhook.url,
        "description": webhook.description,
        "statuses": webhook.statuses,
        "enabled": webhook.disabled_at is None,
        "disabledAt": webhook.disabled_at,
        "disabledWhy": webhook.disabled_why,
        "failingSince": webhook.failing_since,
        "lastDeliveredAt": webhook.delivered_at,
        "lastFailedAt": webhook.failed_at,
        "lastError": webhook.last_error,
        "waiting": webhook.waiting,
        "failed": webhook.failed,
        "previousSecretUntil": webhook.previous_until,
        "createdAt": webhook.created_at,
    }


def webhook_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise unknown_webhook() from None


def unknown_webhook() -> Problem:
    return Problem(404, "unknown_webhook", "There is no webhook with this id, or it belongs to another owner.")
