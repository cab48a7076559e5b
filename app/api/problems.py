"""Errors as RFC 9457 problem documents. They say what to do, and repeat nothing of the request but unknown names."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.access.authentication import ExpiredKey, InvalidKey, NotAllowed
from app.api.names import field_errors, methods, near_path
from app.orders.model import NotReconciled
from app.postgres.errors import BAD_VALUE, DatabaseUnavailable, ReadTooSlow

log = logging.getLogger("engine.api")


class FieldError(BaseModel):
    pointer: str = Field(description="JSON pointer to the field", examples=["/amount"])
    message: str = Field(examples=["must be a decimal number with at most 9 decimal places"])


class ProblemDocument(BaseModel):
    """Every error has this shape."""

    model_config = ConfigDict(json_schema_extra={"description": "RFC 9457 problem document"})

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["The order is not valid."])
    message: str = Field(description="The same as `detail`, for legacy clients", examples=["The order is not valid."])
    code: str = Field(description="Stable; for programs to act on", examples=["invalid_order"])
    retryable: bool = Field(description="Whether the same request may succeed later")
    requestId: str = Field(description="The id of this request in the engine's log")
    errors: list[FieldError] | None = None


class Problem(Exception):
    """Raised anywhere below a route; the answer is a problem document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retryable: bool = False,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.retryable = retryable
        self.errors = errors
        self.headers = headers or ({"Retry-After": "2"} if retryable and status in (429, 503) else {})

    def as_dict(self, request_id: str) -> dict[str, Any]:
        document = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "message": self.detail,
            "code": self.code,
            "retryable": self.retryable,
            "requestId": request_id,
        }
        if self.errors:
            document["errors"] = [{"pointer": pointer, "message": message} for pointer, message in self.errors]
        return document

    def answer(self, request_id: str) -> Response:
        return Response(
            orjson.dumps(self.as_dict(request_id)),
            self.status,
            headers={"cache-control": "no-store", **self.headers},
            media_type="application/problem+json",
        )


def invalid(errors: Sequence[tuple[str, str]]) -> Problem:
    return Problem(422, "invalid_order", "The order is not valid.", errors=errors)


def invalid_request(errors: Sequence[tuple[str, str]]) -> Problem:
    return Problem(422, "invalid_request", "The request is not valid.", errors=errors)


def invalid_query(errors: Sequence[tuple[str, str]]) -> Problem:
    return Problem(422, "invalid_request", "A query parameter is not valid.", errors=errors)


def not_supported(pointer: str, why: str) -> Problem:
    detail = f"On this chain the engine {why}. Send an order of another type."
    return Problem(422, "not_supported_on_chain", detail, errors=[(pointer, f"the engine {why}")])


def key_reused() -> Problem:
    detail = "This Idempotency-Key was already used for a different order or group. A new one needs a new key."
    return Problem(422, "key_reused", detail)


def body_too_large(most: int) -> Problem:
    return Problem(413, "body_too_large", f"The body is larger than {most // 1024} KiB. Send less in one request.")


def needs_upgrade() -> Problem:
    return Problem(
        426,
        "upgrade_required",
        "This path is a WebSocket. Over plain HTTP use GET /api/orders/{id} or GET /api/orders/{id}/events.",
        headers={"Upgrade": "websocket", "Connection": "Upgrade"},
    )


def unknown_order() -> Problem:
    return Problem(404, "unknown_order", "There is no order with this id, or it belongs to another owner.")


def database_unavailable() -> Problem:
    return Problem(
        503,
        "database_unavailable",
        "The database is unavailable; repeat the request in a moment. If it places an order, use the same "
        "Idempotency-Key: the order may have been placed.",
        retryable=True,
        headers={"Retry-After": "2"},
    )


def read_too_slow() -> Problem:
    return Problem(
        503,
        "read_too_slow",
        "Reading this took too long. Ask for less, or repeat it later.",
        retryable=True,
        headers={"Retry-After": "5"},
    )


def not_allowed(error: NotAllowed) -> Problem:
    code, detail = "missing_key", "This needs an API key: send it as `Authorization: Bearer KEY`, or as `X-API-Key`."
    if isinstance(error, InvalidKey):
        code, detail = "unknown_key", "This API key is unknown or was revoked. Ask the operator of the engine for one."
    if isinstance(error, ExpiredKey):
        code, detail = "expired_key", f"This API key expired on {error.at:%Y-%m-%d %H:%M} UTC. Ask for another one."
    return Problem(401, code, detail, headers={"WWW-Authenticate": "Bearer"})


def read_only_key() -> Problem:
    return Problem(403, "read_only_key", "This API key may only read. Use one that may also place and cancel orders.")


def foreign_host() -> Problem:
    detail = "The engine does not answer to this host name. Its operator can add the name to ALLOWED_HOSTS."
    return Problem(421, "host_not_allowed", detail)


def foreign_origin() -> Problem:
    detail = "Pages of this origin may not change anything. The engine's operator can add it to ALLOWED_ORIGINS."
    return Problem(403, "origin_not_allowed", detail)


def redis_unavailable() -> Problem:
    return Problem(
        503,
        "redis_unavailable",
        "Redis, which holds this information, is unavailable; repeat the request in a moment.",
        retryable=True,
        headers={"Retry-After": "2"},
    )


_CODES = {404: "not_found", 405: "method_not_allowed"}


def request_id(request: HTTPConnection) -> str:
    return str(request.scope.get("state", {}).get("request_id", "-"))


def install(app: FastAPI) -> None:
    """Answer every error with a problem document."""

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        request.scope["state"]["problem"] = error.code  # for the audit log
        error.__traceback__ = None  # or frames that have it would stay, and with them the body, for a long time
        return error.answer(request_id(request))

    @app.exception_handler(DatabaseUnavailable)
    async def unavailable(request: Request, _: DatabaseUnavailable) -> Response:
        return database_unavailable().answer(request_id(request))

    @app.exception_handler(NotReconciled)
    async def reconciling(request: Request, _: NotReconciled) -> Response:
        detail = "The database lost its newest writes. The chain is asked what became of each order; change it then."
        headers = {"Retry-After": "10"}
        return Problem(503, "not_reconciled", detail, retryable=True, headers=headers).answer(request_id(request))

    @app.exception_handler(ReadTooSlow)
    async def too_slow(request: Request, _: ReadTooSlow) -> Response:
        return read_too_slow().answer(request_id(request))

    @app.exception_handler(BAD_VALUE)
    async def bad_value(request: Request, error: Exception) -> Response:
        """A safety net below the checks of parameters. What a write stores is made here: there it is our mistake."""
        if request.method != "GET":
            return await unexpected(request, error)
        log.warning("a parameter that no check refused", extra={"path": request.url.path, "type": type(error).__name__})
        return invalid_query(()).answer(request_id(request))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        status = error.status_code
        detail = HTTPStatus(status).description or HTTPStatus(status).phrase
        headers = dict(error.headers or {})
        if status == 404:
            detail = f"There is nothing at this path{near_path(request.url.path, request.app.routes) or '.'}"
        elif status == 405:
            headers["Allow"] = ", ".join(methods(request.scope, request.app.routes))
            detail = f"This path does not support that method. It supports: {headers['Allow']}."
        return Problem(status, _CODES.get(status, "bad_request"), detail, headers=headers).answer(request_id(request))

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> Response:
        return invalid_query(field_errors(error.errors())).answer(request_id(request))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        identifier = request_id(request)
        problem = internal_error(identifier, error)
        # The error goes on to the server, which closes the connection.
        problem.headers = {"Connection": "close"}
        return problem.answer(identifier)


def internal_error(identifier: str, error: Exception) -> Problem:
    # `metrics.ERRORS` counts every error that is logged with a traceback, by type.
    log.error("unhandled error", extra={"request": identifier, "type": type(error).__name__}, exc_info=error)
    detail = "Internal error; see the log. The order may have been placed: repeat it with the same Idempotency-Key."
    return Problem(500, "internal_error", detail, retryable=True)
