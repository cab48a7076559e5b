"""The API process: `uvicorn app.main:create_app --factory`, or `engine api`."""

from fastapi import FastAPI


def create_app() -> FastAPI:
    app = FastAPI(title="Order Execution Engine")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


app = create_app()
