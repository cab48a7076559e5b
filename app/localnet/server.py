"""The HTTP of the local node: Agave's JSON-RPC at `/`, its faults at `/faults`, venues at `/jupiter` and `/raydium`.

It answers programs of this machine, and no web page: a browser would send the requests of any page to this port too.
"""

import logging
import re
from dataclasses import asdict
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.dex.markets import Markets
from app.localnet.methods import METHODS
from app.localnet.shapes import INVALID_PARAMS, METHOD_NOT_FOUND, RpcError
from app.localnet.standins import jupiter_app, raydium_app
from app.localnet.view import Node

log = logging.getLogger("engine.localnet")

INTERNAL_ERROR, PARSE_ERROR = -32603, -32700
MAX_BODY = 256 * 1024  # bytes

_HERE = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")


class Guard:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = _refusal(scope["method"], Headers(scope=scope)) if scope["type"] == "http" else None
        await (refused or self._app)(scope, receive, send)


def _refusal(method: str, headers: Headers) -> Response | None:
    if not _HERE.fullmatch(headers.get("host", "")):
        return Response("it answers to localhost, 127.0.0.1 and [::1]", 421)
    if "origin" in headers:
        return Response("it does not answer web pages", 403)
    if method != "POST":
        return None
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return Response("the content-type must be application/json", 415)
    length = headers.get("content-length", "")
    if not length.isdecimal() or "transfer-encoding" in headers:
        return Response("the body needs a content-length", 411)
    return Response(f"a body has at most {MAX_BODY} bytes", 413) if int(length) > MAX_BODY else None


def rpc_app(node: Node) -> Starlette:
    async def rpc(request: Request) -> Response:
        if node.happens(node.faults.busy):
            return Response(status_code=429, headers={"Retry-After": "1"})
        try:
            body = orjson.loads(await request.body())
        except ClientDisconnect:
            return Response()
        except orjson.JSONDecodeError:
            return _json({"jsonrpc": "2.0", "id": None, "error": {"code": PARSE_ERROR, "message": "Parse error"}})
        answer = [_answer(node, one) for one in body] if isinstance(body, list) else _answer(node, body)
        if node.happens(node.faults.mute):
            return Response(status_code=504)  # as a gateway says when the node behind it took the call and is silent
        return _json(answer)

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            try:
                node.faults.set(orjson.loads(await request.body()))
            except (ValueError, TypeError, AttributeError) as error:
                return Response(str(error), status_code=422)
        return _json(asdict(node.faults))

    return Starlette(
        routes=[Route("/", rpc, methods=["POST"]), Route("/faults", faults, methods=["GET", "POST"])],
        middleware=[Middleware(Guard)],
    )


def local_app(node: Node, markets: Markets) -> Starlette:
    """With stand-ins for the venues."""
    app = rpc_app(node)
    app.mount("/jupiter", jupiter_app(node.validator, markets))
    app.mount("/raydium", raydium_app(node.validator, markets))
    return app


def _answer(node: Node, call: Any) -> dict[str, Any]:
    number = call.get("id") if isinstance(call, dict) else None
    try:
        return {"jsonrpc": "2.0", "id": number, "result": _call(node, call)}
    except RpcError as error:
        said: dict[str, Any] = {"code": error.code, "message": error.message}
        return {"jsonrpc": "2.0", "id": number, "error": said if error.data is None else said | {"data": error.data}}


def _call(node: Node, call: Any) -> Any:
    try:
        name, params = call["method"], call.get("params", [])
        method = METHODS[name]
    except KeyError as error:
        raise RpcError(METHOD_NOT_FOUND, "Method not found") from error
    except (TypeError, AttributeError) as error:
        raise RpcError(INVALID_PARAMS, "Invalid request") from error
    try:
        return method(node.view(), params)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise RpcError(INVALID_PARAMS, f"Invalid params: {error}") from error
    except RpcError:
        raise
    except Exception as error:
        log.exception("a call failed unexpectedly", extra={"method": name})
        raise RpcError(INTERNAL_ERROR, "Internal error") from error


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
