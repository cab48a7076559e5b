"""The documents are true: Postman examples, OpenAPI examples, and the frames in the AsyncAPI document."""

import asyncio
import json
import re
import time
from typing import Any
from urllib.parse import urlsplit

import fastjsonschema
import httpx
import orjson
import pytest
from websockets.asyncio.client import ClientConnection

from app.api.spec.asyncapi import EXECUTE_FIELDS, document
from app.api.spec.events import COMMON_FIELDS, DETAILS
from app.watcher.main import watcher
from tests.engine import SELL_SOL, Engine, read_to_end, running_engine
from tests.integration.test_access import new_key
from tests.unit.api.test_documents import openapi, requests, script_of

CAPTURE = re.compile(r'collectionVariables\.set\("(\w+)", body\.(\w+)\)')


def filled(text: str, variables: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: variables[found[1]], text)


async def sent(engine: Engine, item: dict[str, Any], variables: dict[str, str]) -> httpx.Response:
    request = item["request"]
    url = filled(request["url"]["raw"], variables)
    headers = {header["key"]: filled(header["value"], variables) for header in request["header"]}
    body = filled(request["body"]["raw"], variables) if "body" in request else None
    return await engine.http.request(request["method"], url, content=body, headers=headers)


async def test_postman_requests_in_order_get_the_answers_of_their_examples(
    postgres_dsn: str, redis_dsn: str, primed_queue: None
) -> None:
    """Checks the examples, and needs no Node.js. Newman checks the assertions (`make test-postman`)."""
    async with running_engine(postgres_dsn, redis_dsn, max_order_usd=1_000_000) as engine:
        await engine.start_worker(retry_base_seconds=0.01)
        variables = {"baseUrl": engine.base_url, "idempotencyKey": "a-key-of-this-run"}
        for item in requests():
            example = item["response"][0]
            deadline = time.monotonic() + 10
            answer = await sent(engine, item, variables)
            while (
                "setNextRequest" in script_of(item) and answer.json()["status"] != json.loads(example["body"])["status"]
            ):
                assert time.monotonic() < deadline, item["name"]
                await asyncio.sleep(0.02)
                answer = await sent(engine, item, variables)
            assert answer.status_code == example["code"], (item["name"], answer.text)
            kind = answer.headers["content-type"].partition(";")[0]
            assert kind == example["header"][0]["value"], item["name"]
            if kind.endswith("json") and isinstance(answer.json(), dict):
                shown, received = json.loads(example["body"]).keys(), answer.json().keys()
                assert shown == received or (item["name"] in ("OpenAPI", "AsyncAPI") and shown <= received), item[
                    "name"
                ]
            for name, value in CAPTURE.findall(script_of(item)):
                variables[name] = answer.json()[value]


async def test_every_example_of_a_body_works(engine: Engine, postgres_dsn: str) -> None:
    await new_key(postgres_dsn, "desk-7")  # the owner in the examples
    tried = 0
    for path, methods in openapi()["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, example in content.get("examples", {}).items():
                address = path
                if "{order_id}" in path:
                    order = await engine.place(orderType="limit", limitPrice="100000")
                    address = path.format(order_id=order["orderId"])
                answer = await engine.http.request(method, address, json=example["value"], headers={"If-Match": "1"})
                assert answer.status_code in (200, 201, 202), (path, name, answer.text)
                tried += 1
    assert tried >= 6
    streams = (await engine.http.get("/asyncapi.json")).json()
    assert streams["servers"]["sockets"]["host"] == urlsplit(engine.base_url).netloc


class AsyncApi:
    """Validators for the messages of /asyncapi.json."""

    def __init__(self) -> None:
        self._document = document("ws://localhost", "1")

    def validator(self, message: str) -> Any:
        payload = self._document["components"]["messages"][message]["payload"]
        return fastjsonschema.compile(
            {"$schema": "http://json-schema.org/draft-07/schema", **payload, "components": self._document["components"]}
        )


async def frames(engine: Engine, path: str) -> list[dict[str, Any]]:
    async with asyncio.timeout(10), engine.socket(path) as socket:
        return (await read_to_end(socket)).events


async def test_frames_match_the_asyncapi_document(engine: Engine) -> None:
    asyncapi = AsyncApi()
    names = ("executeEvent", "statusEvent", "venueEvent", "update", "history")
    execute, status, venue, update, history = map(asyncapi.validator, names)
    await engine.start_worker(retry_base_seconds=0.05)
    fails = (await engine.http.post("/test/dlq")).json()["orderId"]
    watching = asyncio.create_task(frames(engine, f"/api/orders/{fails}/status"))
    for order in ((await engine.place())["orderId"], fails):
        for frame in await frames(engine, f"/api/orders/execute?orderId={order}"):
            execute(frame)
        for frame in await frames(engine, f"/order/{order}"):
            status(frame)
        for frame in await frames(engine, f"/api/orders/{order}/ws"):
            venue(frame)
        (only,) = await frames(engine, f"/api/orders/{order}/status")
        history(only)
    first, *rest = await watching
    history(first)
    assert rest
    for frame in rest:
        update(frame)
    with pytest.raises(fastjsonschema.JsonSchemaException):
        history(only | {"data": [{**only["data"][-1], "seq": 0}]})


async def test_an_event_has_only_documented_fields(engine: Engine) -> None:
    await engine.start_worker(retry_base_seconds=0.05)
    fails = (await engine.http.post("/test/dlq")).json()["orderId"]
    waits: dict[str, Any] = {"orderType": "limit", "timeInForce": "ioc", "acknowledgePrice": True}
    placed = [
        await engine.place(**fields) for fields in ({}, waits | {"limitPrice": "1"}, waits | {"limitPrice": "500"})
    ]
    seen = set()
    async with watcher(engine.settings):
        logs = [(await engine.read_stream(order)).events for order in (*(one["orderId"] for one in placed), fails)]
    for log in logs:
        for event in log:
            required, optional = DETAILS[event["status"]]
            assert event.keys() <= {"status", "execution", *EXECUTE_FIELDS, *COMMON_FIELDS, *required, *optional}, event
            seen.add(event["status"])
    assert seen == DETAILS.keys() - {"cancelled", "completed"}


async def test_the_stream_of_many_orders_matches_the_asyncapi_document(engine: Engine) -> None:
    asyncapi = AsyncApi()
    subscribe, subscribed, any_event, refused = map(
        asyncapi.validator, ("subscribe", "subscribed", "anyEvent", "refused")
    )
    async with asyncio.timeout(10), engine.socket("/api/stream") as socket:
        for message in ({"op": "subscribe", "orders": "all"}, {"op": "subscribe", "orders": [], "after": {}}):
            subscribe(message)
            subscribed(await answer_to(socket, orjson.dumps(message).decode()))
        refused(await answer_to(socket, "?"))
        unknown = ["01a1fcdd-4c14-773b-8d77-909b122b0037"]
        refused(await answer_to(socket, json.dumps({"op": "subscribe", "orders": unknown})))
        subscribed(orjson.loads(await socket.recv()))
        await engine.http.post("/api/orders/execute", json=SELL_SOL)
        any_event(orjson.loads(await socket.recv()))


async def answer_to(socket: ClientConnection, text: str) -> Any:
    await socket.send(text)
    return orjson.loads(await socket.recv())
