"""Swagger UI at /docs, from files of its own: it works without the internet."""

from pathlib import Path

import fastapi_swagger  # type: ignore[import-untyped]
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

SWAGGER = Path(fastapi_swagger.__file__).parent / "resources"

TAGS = [
    {"name": "orders", "description": "Place, read, list and cancel orders."},
    {
        "name": "streams",
        "description": (
            "Every stream tells an order's whole log: `seq` 1, 2, 3 … without a gap, then it closes with 1000.\n\n"
            "- `GET /api/orders/execute?orderId=…&after=seq` (WebSocket): one order, from `after` on\n"
            '- `GET /api/stream` (WebSocket): many orders; say `{"op":"subscribe","orders":"all"}`\n'
            "- `GET /api/orders/{id}/events` with `Accept: text/event-stream`: the same as Server-Sent Events\n\n"
            "Close codes: 1000 the order has ended, 4400 bad request, 4401 not allowed, 4404 no such order, "
            "4408 you read too slowly, 1013 the database is away. After any but 1000, 4400, 4401 and 4404: "
            "come back with `after=` the last `seq` you saw."
        ),
    },
    {"name": "market", "description": "What can be traded, and what it would bring now."},
    {"name": "operator", "description": "How the engine stands, and a hand on it."},
    {"name": "health", "description": "For probes and for Prometheus."},
]


def install(app: FastAPI) -> None:
    app.mount("/docs/files", StaticFiles(directory=SWAGGER), name="swagger")

    @app.get("/docs", include_in_schema=False)
    async def swagger() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Order Execution Engine",
            swagger_js_url="/docs/files/swagger-ui-bundle.js",
            swagger_css_url="/docs/files/swagger-ui.css",
            swagger_favicon_url="/docs/files/favicon-32x32.png",
        )
