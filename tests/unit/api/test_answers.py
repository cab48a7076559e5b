"""Every answer has a schema, internal errors reveal nothing, and /docs loads nothing from other hosts."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.api.schemas import Answer
from app.main import create_app
from app.settings import load


@pytest.fixture(scope="module")
def app() -> Any:
    return create_app(load(database_url="postgresql://127.0.0.1:1/none", redis_url="redis://127.0.0.1:1"))


@pytest.fixture(scope="module")
def document(app: Any) -> dict[str, Any]:
    found: dict[str, Any] = app.openapi()
    return found


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from walk(child)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_reference_resolves_and_every_schema_is_used(document: dict[str, Any]) -> None:
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    referred = {node["$ref"] for node in walk(document) if isinstance(node.get("$ref"), str)}
    assert referred == schemas


def test_every_answer_has_a_schema(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400 and status != "204":
                assert all(media["schema"] for media in response["content"].values()), (name, status)


async def test_the_docs_page_loads_nothing_from_other_hosts(app: Any) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        page = await http.get("/docs")
        assert page.status_code == 200
        loaded = re.findall(r"""(?:src|href|url)\s*[=:(]\s*["']?([^"')\s>]+)""", page.text)
        assert "/docs/files/start.js" in loaded
        loaded += re.findall(r'url: "([^"]+)"', (await http.get("/docs/files/start.js")).text)
        assert "/openapi.json" in loaded
        assert "'unsafe-" not in page.headers["content-security-policy"]
        for address in loaded:
            assert address.startswith("/"), address
            assert (await http.get(address)).status_code == 200, address
        style = (await http.get("/docs/files/swagger-ui.css")).text
        assert not re.search(r"url\([\"']?(?!data:)[a-z]+:", style)


async def test_an_internal_error_reveals_nothing(app: Any) -> None:
    broken = create_app(load(database_url="postgresql://127.0.0.1:1/none", redis_url="redis://127.0.0.1:1"))
    transport = httpx.ASGITransport(broken, raise_app_exceptions=False)  # without its lifespan there is no ApiContext
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.get("/api/orders/01a1fcdd-4c14-773b-8d77-909b122b0037", headers={"x-request-id": "mine"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["requestId"] == "mine"
    assert answer.json()["code"] == "internal_error"
    assert "context" not in answer.text


def test_answer_fields_are_camel_case() -> None:
    def shapes(parent: type[Answer]) -> Iterator[type[Answer]]:
        for shape in parent.__subclasses__():
            yield shape
            yield from shapes(shape)

    for shape in shapes(Answer):
        for field in shape.model_fields.values():
            assert field.alias, shape
            assert "_" not in field.alias, shape
