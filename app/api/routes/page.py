"""The page at `/`: its files, and what a browser may do with them."""

import mimetypes
import os
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

WEB = Path(__file__).resolve().parents[2] / "web"

HEADERS = {
    # Everything from here, nothing inline, nobody's frame; `'self'` is also this host's sockets.
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
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Asked again each time, answered with 304: a page is never of two versions.
    "Cache-Control": "no-cache",
}


class _Files(StaticFiles):
    def file_response(self, full_path: str | os.PathLike[str], *args: object, **named: object) -> Response:
        response = super().file_response(full_path, *args, **named)  # type: ignore[arg-type]
        response.headers.update(HEADERS)
        return response


def install(app: FastAPI) -> None:
    # A machine may have other ideas of what a script is, and `nosniff` would then stop it.
    mimetypes.add_type("text/javascript", ".js")
    files = _Files(directory=WEB)

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    # A route, not a mount: the log and the metrics know it by its name.
    @app.get("/web/{path:path}", include_in_schema=False)
    async def file(request: Request, path: str) -> Response:
        return await files.get_response(path, request.scope)
