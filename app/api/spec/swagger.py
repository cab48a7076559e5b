"""Swagger UI at /docs, served from local files: it works without internet access."""

from pathlib import Path

import fastapi_swagger  # type: ignore[import-untyped]
from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

from app.api.spec.fixed_files import FixedFiles

SWAGGER = Path(fastapi_swagger.__file__).parent / "resources"
START = Path(__file__).with_suffix(".js")

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Order Execution Engine</title>
  <link rel="icon" href="/docs/files/favicon-32x32.png">
  <link rel="stylesheet" href="/docs/files/swagger-ui.css">
  <script src="/docs/files/swagger-ui-bundle.js" defer></script>
  <script src="/docs/files/start.js" defer></script>
</head>
<body><div id="swagger-ui"></div></body>
</html>
"""
# Everything comes from this origin, and nothing is inline. The style sheet has images in it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}


def install(app: FastAPI) -> None:
    start = START.read_bytes()

    @app.get("/docs", include_in_schema=False)
    async def swagger() -> Response:
        return HTMLResponse(PAGE, headers=HEADERS)

    @app.get("/docs/files/start.js", include_in_schema=False)
    async def start_js() -> Response:
        return Response(start, media_type="text/javascript")

    app.mount("/docs/files", FixedFiles(SWAGGER), name="swagger")
