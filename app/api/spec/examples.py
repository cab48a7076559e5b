"""An example of every answer that is a problem, and of every answer to an order that was placed."""

from collections.abc import Mapping
from typing import Any

from app.access.authentication import NotAllowed
from app.api.problems import (
    Problem,
    body_too_large,
    database_unavailable,
    invalid,
    not_allowed,
    read_only_key,
    unknown_order,
)

ORDER = "01a1fcdd-4c14-773b-8d77-909b122b0037"
REQUEST = "3f2a9c0d1b7e4a58"

PROBLEMS: Mapping[int, Problem] = {
    400: Problem(400, "malformed_body", "The body cannot be read. It ends in the middle of a value."),
    401: not_allowed(NotAllowed()),
    403: read_only_key(),
    404: unknown_order(),
    408: Problem(408, "too_slow", "The body took too long to arrive. Send it at once.", retryable=True),
    409: Problem(409, "not_cancellable", "The order is confirmed. It can no longer be cancelled."),
    412: Problem(412, "order_changed", "The order has changed since. Read it, and decide again."),
    413: body_too_large(8 * 1024),
    414: Problem(414, "bad_request", "A path with its query may have 2 KiB."),
    415: Problem(415, "not_json", "The body must be JSON: send `Content-Type: application/json`."),
    422: invalid([("/amount", "must be a decimal number with at most 9 decimal places")]),
    428: Problem(428, "precondition_required", "Send If-Match with the `seq` of the order as you know it."),
    429: Problem(
        429, "too_many_orders", "You may send at most 120 orders per minute. Try again in 1 s.", retryable=True
    ),
    503: database_unavailable(),
}
UNKNOWN_WEBHOOK = Problem(404, "unknown_webhook", "There is no webhook with this id, or it belongs to another owner.")
OPERATORS_ONLY = Problem(403, "operators_only", "This needs the API key of an operator.")
# Where a status means something else than in most operations.
OF_OPERATION: Mapping[tuple[str, str, int], Problem] = {
    ("get", "/api/order-groups/{group_id}", 404): Problem(
        404, "unknown_group", "There is no such group, or it belongs to someone else."
    ),
    ("patch", "/api/orders/{order_id}", 409): Problem(
        409, "not_amendable", "The order is confirmed. Only an order that waits can be amended."
    ),
    ("post", "/api/dlq/{order_id}/retry", 409): Problem(
        409, "not_failed", "The order is confirmed. Only a failed order can be retried."
    ),
    ("post", "/api/webhooks", 409): Problem(409, "too_many_webhooks", "You have 10 webhooks. Delete one first."),
    ("post", "/api/webhooks/{webhook_id}/test", 409): Problem(
        409, "webhook_disabled", "The webhook is switched off. POST to its path /replay switches it on again."
    ),
    ("put", "/api/kill-switch", 409): Problem(
        409, "kill_switch_changed", "It was set to a stricter state meanwhile. Look at it, and decide again."
    ),
}


def problem_example(method: str, path: str, status: int) -> dict[str, Any]:
    problem = OF_OPERATION.get((method, path, status), PROBLEMS[status])
    if status == 403 and method == "get":
        problem = OPERATORS_ONLY
    if status == 404 and path.startswith("/api/webhooks/"):
        problem = UNKNOWN_WEBHOOK
    return problem.as_dict(REQUEST)


def accepted_example(status: int) -> dict[str, Any]:
    """202: a new order. 200: the order that an earlier request with the same key placed."""
    socket = f"ws://127.0.0.1:3000/api/orders/execute?orderId={ORDER}"
    return {
        "success": True,
        "orderId": ORDER,
        "status": "pending" if status == 202 else "confirmed",
        "message": "Order queued successfully",
        "wsUrl": socket,
        "websocketUrl": socket,
        "statusEndpoint": f"/api/orders/{ORDER}/status",
        "createdAt": "2026-11-28T10:15:30.123456Z",
        "idempotent": status != 202,
        "startsInMs": 0 if status == 202 else None,
    }
