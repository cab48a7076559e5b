"""Swagger UI at /docs, served from local files: it works without internet access."""

from pathlib import Path

import fastapi_swagger  # type: ignore[import-untyped]
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

from app.api.spec.fixed_files import FixedFiles

SWAGGER = Path(fastapi_swagger.__file__).parent / "resources"


def install(app: FastAPI) -> None:
    app.mount("/docs/files", FixedFiles(SWAGGER), name="swagger")

    @app.get("/docs", include_in_schema=False)
    async def swagger() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url="/docs/files/swagger-ui-bundle.js",
            swagger_css_url="/docs/files/swagger-ui.css",
            swagger_favicon_url="/docs/files/favicon-32x32.png",
            swagger_ui_parameters={"displayRequestDuration": True},
        )
