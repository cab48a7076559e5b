"""`engine cancel`, `amend`, `dead-man`, `pause`, `resume`, `retry` and `webhooks`. Each returns its exit code."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.client.commands import say
from app.client.engine import Engine, as_id
from app.client.fields import json_object, number_in, price_in, required_text, text_in
from app.client.responses import OrderState, waits_for


async def cancel(engine: Engine, order_id: str, *, as_json: bool = False) -> int:
    return say(await engine.request_of("POST", order_id, "/api/orders/{}/cancel"), _cancelled, as_json)


async def cancel_all(engine: Engine, chosen: Mapping[str, str], *, as_json: bool = False) -> int:
    body = await engine.request("POST", "/api/orders/cancel-all", json=chosen)
    return say(body, lambda answer: [f"cancelled  {number_in(answer, 'cancelled')}"], as_json)


async def amend(
    engine: Engine, order_id: str, changes: Mapping[str, Any], seq: int | None, *, as_json: bool = False
) -> int:
    """`seq`: of the order as the caller knows it; None: as it is now."""
    if seq is None:
        seq = number_in(json_object(await engine.request_of("GET", order_id)), "seq")
    body = await engine.request_of("PATCH", order_id, json=changes, headers={"If-Match": str(seq)})
    return say(body, _amended, as_json)


async def dead_man(engine: Engine, seconds: int, *, as_json: bool = False) -> int:
    return say(await engine.request("PUT", "/api/dead-man", json={"seconds": seconds}), _dead_man, as_json)


async def trading(engine: Engine, state: str, reason: str, owner: str | None, *, as_json: bool = False) -> int:
    """Sets the kill switch."""
    wanted = {"state": state, "reason": reason} | ({"owner": owner} if owner else {})
    return say(await engine.request("PUT", "/api/kill-switch", json=wanted), _trading, as_json)


async def retry(engine: Engine, order_id: str, *, as_json: bool = False) -> int:
    """Places a failed order anew; repeated calls place only one."""
    return say(await engine.request_of("POST", order_id, "/api/dlq/{}/retry"), _retried, as_json)


async def create_webhook(engine: Engine, fields: Mapping[str, Any], *, as_json: bool = False) -> int:
    return say(await engine.request("POST", "/api/webhooks", json=fields), _webhook, as_json)


async def webhook(engine: Engine, method: str, webhook_id: str, action: str = "", *, as_json: bool = False) -> int:
    path = "/".join(filter(None, ("/api/webhooks", as_id(webhook_id, "the id of a webhook"), action)))
    return say(await engine.request(method, path), _webhook, as_json)


Answer = Mapping[str, Any]

# field of an answer about a webhook → what is said of it
WEBHOOK = {
    "id": "webhook  {}",
    "secret": "secret   {}",
    "messageId": "sent     {}",
    "replayed": "{} deliveries are sent again",
}


def _cancelled(answer: Answer) -> Iterator[str]:
    status = required_text(answer, "status")
    sent = "" if status == "cancelled" else "  (its swap was sent: it is cancelled if that does not land)"
    yield f"status  {status}{sent}"


def _amended(answer: Answer) -> Iterator[str]:
    yield f"order   {required_text(answer, 'orderId')}"
    yield f"waits   {waits_for(answer) or required_text(answer, 'status')}"
    if expires := text_in(answer, "expiresAt"):
        yield f"until   {expires}"


def _dead_man(answer: Answer) -> Iterator[str]:
    cancels_at = text_in(answer, "cancelsAt")
    yield f"cancels all orders at {cancels_at}, unless renewed" if cancels_at else "off"


def _trading(answer: Answer) -> Iterator[str]:
    whose = text_in(answer, "owner") or "all owners"
    yield f"trading is {required_text(answer, 'state')} for {whose}: {text_in(answer, 'reason') or ''}"


def _retried(answer: Answer) -> Iterator[str]:
    order = OrderState.of(answer)
    yield f"order   {order.order_id}{'  (it was retried before)' if order.idempotent else ''}"
    yield f"status  {order.status}"


def _webhook(answer: Answer) -> Iterator[str]:
    for name, words in WEBHOOK.items():
        if (value := price_in(answer, name)) is not None:
            yield words.format(value)
    if answer.get("deleted") is True:
        yield "deleted"
