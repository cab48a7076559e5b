"""What can go wrong. `code` of a refusal never changes its meaning: docs/guide.md lists all codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class EngineError(Exception):
    """Every error of this package."""

    idempotency_key: str | None = None  # of an order that was to be placed: repeat it with this key


class Unreachable(EngineError):
    """The engine did not answer, or its stream was lost, for as long as the client's patience lasts."""


class EventsLost(EngineError):
    """The engine was restored to a state that does not have all events which you received: read the orders again."""


class InvalidSignature(EngineError):
    """A webhook that the engine did not send, or that is too old."""


@dataclass(frozen=True, slots=True)
class FieldError:
    pointer: str  # JSON pointer to the field, such as /amount
    message: str


class Refused(EngineError):
    """The engine answered with a problem document (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float = 0.0) -> None:
        self.status = status
        self.code = str(problem.get("code", "unknown"))
        self.detail = str(problem.get("detail", f"answered {status} without a reason: is this an engine?"))
        self.retryable = problem.get("retryable", status in (502, 503, 504)) is True
        self.retry_after = retry_after  # seconds
        self.request_id = str(problem.get("requestId", "-"))  # in the log of the engine
        self.errors: Sequence[FieldError] = tuple(_field_errors(problem.get("errors")))
        fields = "; ".join(f"{error.pointer} {error.message}" for error in self.errors)
        super().__init__(f"{self.code}: {self.detail}{f' ({fields})' if fields else ''}")


class InvalidRequest(Refused):
    """The request is not valid; `errors` has the fields."""


class NotAllowed(Refused):
    """The API key is missing, unknown or revoked, or may not do this."""


class NotFound(Refused):
    """There is no such order, or it belongs to someone else."""


class Conflict(Refused):
    """The state of the order does not allow this."""


class LimitReached(Refused):
    """Too many requests, orders or streams, or too many dollars today."""


class Unavailable(Refused):
    """The engine cannot do this now."""


_BY_STATUS: Mapping[int, type[Refused]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    421: NotAllowed,
    429: LimitReached,
}


def refusal(status: int, problem: Any, retry_after: float = 0.0) -> Refused:
    """`problem`: the parsed body of the answer, whatever it is."""
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else InvalidRequest)
    return kind(status, problem if isinstance(problem, Mapping) else {}, retry_after)


def _field_errors(errors: Any) -> Sequence[FieldError]:
    found = errors if isinstance(errors, list) else []
    return [
        FieldError(str(error.get("pointer")), str(error.get("message"))) for error in found if isinstance(error, dict)
    ]
