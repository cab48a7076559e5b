"""/openapi.json and /asyncapi.json, each written once: that takes milliseconds."""

from functools import lru_cache

import orjson
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from app.api.context import socket_base_url
from app.api.spec import asyncapi
from app.api.views import NO_STORE

router = APIRouter()


@router.get("/openapi.json", include_in_schema=False)
async def openapi_json(request: Request) -> Response:
    return Response(_openapi(request.app), media_type="application/json")


@router.get("/asyncapi.json", include_in_schema=False)
async def asyncapi_json(request: Request) -> Response:
    body = _asyncapi(socket_base_url(request), request.app.version)
    return Response(body, headers=NO_STORE, media_type="application/json")


@lru_cache(maxsize=1)
def _openapi(app: FastAPI) -> bytes:
    return orjson.dumps(app.openapi())


@lru_cache(maxsize=16)  # clients use few host names
def _asyncapi(sockets: str, version: str) -> bytes:
    return orjson.dumps(asyncapi.document(sockets, version))
