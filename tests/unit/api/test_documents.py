"""Every route is in the OpenAPI document and the Postman collection, and every socket in the AsyncAPI document."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from fastapi.routing import iter_route_contexts

from app.api.layers.auth_middleware import CHANGES_NOTHING
from app.api.problems import ProblemDocument
from app.api.routes.legacy import ALIASES, SOCKETS
from app.api.schemas import Accepted
from app.api.spec.asyncapi import CHANNELS, document
from app.main import create_app
from app.settings import load

CLONE = Path(__file__).resolve().parents[3]

PAGES = {
    "/",
    "/console",
    "/web/{path:path}",
    "/docs",
    "/docs/files/start.js",
    "/openapi.json",
    "/asyncapi.json",
}  # not API operations
NO_PROBLEM = {
    "/health",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/api/tokens",
    "/api/pools",
}  # always answered with 200 or their own 503

ANY_SOCKET = "/{path:path}"  # answers the sockets that no other route takes

Call = tuple[str, str]


@cache
def app() -> Any:
    return create_app(load())


@cache
def openapi() -> dict[str, Any]:
    return app().openapi()  # type: ignore[no-any-return]


@cache
def routes() -> tuple[frozenset[Call], frozenset[str]]:
    """Every call, as method and path, and every path of a socket, without the paths of other engines."""
    calls, sockets = set(), set()
    for found in iter_route_contexts(app().routes):
        if type(found.route).__name__ == "APIWebSocketRoute":
            sockets.add(found.path)
        elif methods := getattr(found, "methods", None):
            calls |= {(method, found.path) for method in methods - {"HEAD"}}
    calls -= {("GET", path) for path in (*SOCKETS, *ALIASES)}
    sockets -= {*SOCKETS, ANY_SOCKET}
    return frozenset(calls), frozenset(sockets)  # type: ignore[arg-type]


def operations() -> dict[Call, dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
    }


def requests(items: list[dict[str, Any]] | None = None) -> Iterator[dict[str, Any]]:
    """All requests of the Postman collection, in order."""
    if items is None:
        items = json.loads((CLONE / "postman_collection.json").read_text())["item"]
    for item in items:
        if "item" in item:
            yield from requests(item["item"])
        else:
            yield item


def script_of(item: dict[str, Any]) -> str:
    return "\n".join(line for event in item["event"] if event["listen"] == "test" for line in event["script"]["exec"])


def matches(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", r"(?:\\{\\{\\w+\\}\\}|[0-9a-f-]{36})", template), path) is not None


def called(item: dict[str, Any], calls: frozenset[Call]) -> list[Call]:
    path = item["request"]["url"]["raw"].removeprefix("{{baseUrl}}").partition("?")[0]
    return [call for call in calls if call[0] == item["request"]["method"] and matches(call[1], path)]


def test_every_route_is_an_operation_a_page_or_a_socket_path() -> None:
    calls, sockets = routes()
    undocumented = calls - operations().keys() - {("GET", path) for path in PAGES | sockets}
    assert undocumented == set()
    assert operations().keys() <= calls


def test_an_operation_has_a_summary_tags_and_its_problems() -> None:
    for call, operation in operations().items():
        check(call, operation)


def check(call: Call, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["tags"]
    assert set(operation["tags"]) <= {tag["name"] for tag in openapi()["tags"]}
    problems = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
    assert problems or call[1] in NO_PROBLEM
    if call[1] not in NO_PROBLEM:
        assert {"401", "503"} <= problems.keys()
        for status, answer in problems.items():
            assert list(answer["content"]) == ["application/problem+json"]
            example = answer["content"]["application/problem+json"]["example"]
            ProblemDocument.model_validate(example)
            assert example["status"] == int(status)
            assert (example["code"] == "operators_only") == (status == "403" and call[0] == "GET")
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        assert content.get("examples") or content.get("example")
        assert {"400", "413", "415", "422"} <= problems.keys()


def test_placing_an_order_shows_a_new_order_and_a_repeated_one() -> None:
    answers = operations()["POST", "/api/orders/execute"]["responses"]
    new, repeated = (answers[status]["content"]["application/json"]["example"] for status in ("202", "200"))
    for example in (new, repeated):
        Accepted.model_validate(example)
        assert example["orderId"] in example["wsUrl"]
    assert (new["idempotent"], repeated["idempotent"]) == (False, True)


def test_an_operation_that_changes_something_says_that_a_read_only_key_is_refused() -> None:
    for (method, path), operation in operations().items():
        assert "403" in operation["responses"] or method == "GET" or path == CHANGES_NOTHING, path


def test_every_reference_resolves() -> None:
    names = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(openapi()))
    assert set(names) <= openapi()["components"]["schemas"].keys()


def test_an_operation_has_a_postman_request() -> None:
    calls = frozenset(operations())
    assert calls == {call for item in requests() for call in called(item, calls)}


@pytest.mark.parametrize("item", list(requests()), ids=lambda item: item["name"])
def test_a_postman_request_calls_a_route_and_has_assertions_and_an_example(item: dict[str, Any]) -> None:
    assert called(item, routes()[0])
    assert "pm.test(" in script_of(item)
    assert item["response"]
    assert str(item["response"][0]["code"]) in script_of(item)


def test_the_first_postman_request_creates_an_order_and_captures_its_id() -> None:
    collection = json.loads((CLONE / "postman_collection.json").read_text())
    assert collection["info"]["schema"].endswith("/v2.1.0/collection.json")
    first = collection["item"][0]
    assert first["name"] == "Create Market Order"
    assert 'set("orderId", body.orderId)' in script_of(first)
    names = [item["name"] for item in requests()]
    assert len(set(names)) == len(names)  # a script selects the next request by name


def test_variables_are_captured_before_they_are_used() -> None:
    collection = json.loads((CLONE / "postman_collection.json").read_text())
    known = {variable["key"] for variable in collection["variable"] if variable["value"]}
    for item in requests():
        scripts = json.dumps(item["event"])
        before = {name for name in re.findall(r'set\(\\"(\w+)\\"', scripts) if "$guid" in scripts and name != "orderId"}
        assert set(re.findall(r"\{\{(\w+)\}\}", json.dumps(item["request"]))) <= known | before, item["name"]
        known |= set(re.findall(r'set\(\\"(\w+)\\"', scripts))


def test_insomnia_has_every_operation() -> None:
    export = json.loads((CLONE / "docs" / "insomnia_collection.json").read_text())
    found = [one for one in export["resources"] if one["_type"] == "request"]
    paths = [re.sub(r"\{\{ _\.(\w+_id) \}\}", r"{\1}", one["url"].removeprefix("{{ _.base_url }}")) for one in found]
    assert operations().keys() <= {(one["method"], path) for one, path in zip(found, paths, strict=True)}


def test_insomnia_has_a_request_for_every_socket() -> None:
    export = json.loads((CLONE / "docs" / "insomnia_collection.json").read_text())
    assert (export["_type"], export["__export_format"]) == ("export", 4)
    resources = export["resources"]
    urls = {one["url"] for one in resources if one["_type"] == "websocket_request"}
    paths = {
        url.removeprefix("{{ _.ws_url }}").partition("?")[0].replace("{{ _.order_id }}", "{order_id}") for url in urls
    }
    assert paths == routes()[1]
    ids = [one["_id"] for one in resources]
    assert len(set(ids)) == len(ids)
    assert {one["parentId"] for one in resources} <= {None, *ids}


def test_every_socket_has_a_channel_and_every_channel_a_route() -> None:
    calls, sockets = routes()
    addresses = {address.replace("{orderId}", "{order_id}") for address, *_ in CHANNELS.values()}
    assert sockets <= addresses
    assert addresses - sockets <= {path for method, path in calls if method == "GET"}


def test_the_asyncapi_document_is_valid() -> None:
    schema = json.loads((CLONE / "tests" / "vectors" / "asyncapi-3.0.0.json").read_text())
    validate = fastjsonschema.compile(schema, use_default=False)  # with defaults, validation would change the document
    described = document("wss://engine.example.com/base", "1")
    validate(described)
    assert described["servers"]["http"]["protocol"] == "https"
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(described)):
        there = described
        for step in reference.split("/"):
            there = there[step]
    with pytest.raises(fastjsonschema.JsonSchemaException):
        validate(described | {"channels": {"order": {"adress": "/"}}})


def test_every_setting_is_in_the_env_example() -> None:
    """This engine's settings, and the names that older engines use for them."""
    documented = set(re.findall(r"^#?([A-Z_]+)=", (CLONE / ".env.example").read_text(), flags=re.MULTILINE))
    settings = {name.upper() for name in type(load()).model_fields}
    older = (
        "PORT DATABASE_URL DB_HOST DB_PORT DB_USERNAME DB_PASSWORD DB_NAME REDIS_URL REDIS_HOST REDIS_PORT "
        "ACTIVE_ORDER_TTL_SECONDS DEFAULT_SLIPPAGE_BPS API_MAX_ORDERS_PER_MIN QUEUE_MAX_PER_MIN"
    )
    assert set(older.split()) <= settings
    assert settings <= documented


def test_the_example_of_a_message_to_a_webhook_matches_its_schema() -> None:
    content = openapi()["webhooks"]["event"]["post"]["requestBody"]["content"]["application/json"]
    fastjsonschema.compile(content["schema"])(content["schema"]["example"])
