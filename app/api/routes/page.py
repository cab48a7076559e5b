"""Serves the trading page at `/`, the console at `/console`, and their files, with the headers that restrict them."""

import mimetypes
import os
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response

from app.api.spec.fixed_files import FixedFiles

WEB = Path(__file__).resolve().parents[2] / "web"

HEADERS = {
    # Everything comes from this origin, nothing is inline, and no site may frame the page. In `connect-src`, `'self'`
    # includes WebSockets to this host.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Referrer-Policy": "no-referrer",
    # Browsers revalidate every file and get a 304: a page never mixes files of two versions.
    "Cache-Control": "no-cache",
}


class _PageFiles(FixedFiles):
    def file_response(self, full_path: str | os.PathLike[str], *args: object, **kwargs: object) -> Response:
        response = super().file_response(full_path, *args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(HEADERS)
        return response


def install(app: FastAPI) -> None:
    # A system's MIME table may map `.js` to something else, and `nosniff` would then block the scripts.
    mimetypes.add_type("text/javascript", ".js")
    files = _PageFiles(WEB)

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    # Anyone may load its files: what it shows are answers of the API, which wants an operator's key in production.
    @app.get("/console", include_in_schema=False)
    async def console(request: Request) -> Response:
        return await files.get_response("console.html", request.scope)

    # A route, not a mount: the request log and the metrics label requests by route.
    @app.get("/web/{path:path}", include_in_schema=False)
    async def file(request: Request, path: str) -> Response:
        return await files.get_response(path, request.scope)
