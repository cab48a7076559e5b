"""What a receiver gets: the event as on every stream, in the envelope of the Standard Webhooks specification."""

from uuid import UUID

import orjson

from app.webhooks.deliveries import Delivery

TEST = "webhook.test"


def message_id(delivery: UUID) -> str:
    """Of each attempt, so that a receiver knows what it has had. An event that is made anew after a restore has another
    one: it may say something else.
    """
    return f"msg_{delivery.hex}"


def body_of(delivery: Delivery) -> bytes | None:
    """The same in each attempt. None: the event is gone."""
    if delivery.order is None:
        content = {"type": TEST, "timestamp": delivery.created_at, "data": {"messageId": message_id(delivery.id)}}
    elif (event := delivery.event) is not None:
        data = {**delivery.terms, **event.as_dict()}
        content = {"type": f"order.{event.status}", "timestamp": event.at, "data": data}
    else:
        return None
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)
