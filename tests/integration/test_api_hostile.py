"""No request content causes a 5xx, no value is repeated in the answer, and every error is a problem document."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from tests.engine import SELL_SOL, Engine, eventually
from tests.integration.hostile import MARKER, repeated_values


def body(**fields: Any) -> bytes:
    return orjson.dumps(SELL_SOL | fields)


def literal(amount: str, field: str = "amount") -> bytes:
    """A body with this literal text as the value of a field."""
    plain = {name: value for name, value in SELL_SOL.items() if name != field}
    return orjson.dumps(plain)[:-1] + f',"{field}":{amount}'.encode() + b"}"


# (what is wrong, body, status of the answer, pointer)
BATCH = orjson.dumps({"orders": [SELL_SOL]})

REFUSED: list[tuple[str, bytes, int, str | None]] = [
    ("unknown token", body(tokenIn=MARKER), 422, "/tokenIn"),
    ("unknown other token", body(tokenOut=MARKER), 422, "/tokenOut"),
    ("the same token twice", body(tokenOut="SOL"), 422, "/tokenOut"),
    ("the same token, once as a mint", body(tokenOut="So11111111111111111111111111111111111111112"), 422, "/tokenOut"),
    ("a token in the wrong case", body(tokenIn="sol"), 422, "/tokenIn"),
    ("a token with a NUL", body(tokenIn=f"SOL\0{MARKER}"), 422, "/tokenIn"),
    ("a token that is far too long", body(tokenIn=MARKER * 100), 422, "/tokenIn"),
    ("an empty token", body(tokenIn=""), 422, "/tokenIn"),
    ("a token that is a number", body(tokenIn=1), 422, "/tokenIn"),
    ("a token that is a list", body(tokenIn=[MARKER]), 422, "/tokenIn"),
    ("a token with a lone surrogate", literal(f'"\\ud800{MARKER}"', "tokenIn"), 422, "/tokenIn"),
    ("no amount", orjson.dumps({"tokenIn": "SOL", "tokenOut": "USDC"}), 422, "/amount"),
    ("finer than the token", body(tokenIn="USDC", tokenOut="SOL", amount="1.0000001"), 422, "/amount"),
    ("minAmountOut finer than the token", body(minAmountOut="1.0000001"), 422, "/minAmountOut"),
    ("minAmountOut of nothing", body(minAmountOut=0), 422, "/minAmountOut"),
    ("zero", literal("0"), 422, "/amount"),
    ("zero with places", literal("0.000"), 422, "/amount"),
    ("minus zero", literal("-0"), 422, "/amount"),
    ("negative", literal("-1.5"), 422, "/amount"),
    ("an exponent", literal("1e2"), 422, "/amount"),
    ("a capital exponent", literal("15E-1"), 422, "/amount"),
    ("an infinite exponent", literal("1e400"), 422, "/amount"),
    ("NaN", literal("NaN"), 400, None),
    ("Infinity", literal("Infinity"), 400, None),
    ("-Infinity", literal("-Infinity"), 400, None),
    ("a leading zero", literal("01"), 400, None),
    ("a plus sign", literal("+1"), 400, None),
    ("a bare point", literal(".5"), 400, None),
    ("NaN as text", body(amount="NaN"), 422, "/amount"),
    ("Infinity as text", body(amount="Infinity"), 422, "/amount"),
    ("an exponent as text", body(amount="1e2"), 422, "/amount"),
    ("an underscore", body(amount="1_0"), 422, "/amount"),
    ("a comma", body(amount="1,5"), 422, "/amount"),
    ("a space", body(amount=" 1"), 422, "/amount"),
    ("a line break at the end", body(amount="1\n"), 422, "/amount"),
    ("full-width digits", body(amount="\uff11\uff15"), 422, "/amount"),
    ("Arabic digits", body(amount="\u0661"), 422, "/amount"),
    ("hexadecimal", body(amount="0x10"), 422, "/amount"),
    ("empty text", body(amount=""), 422, "/amount"),
    ("words", body(amount=MARKER), 422, "/amount"),
    ("true", body(amount=True), 422, "/amount"),
    ("null", body(amount=None), 422, "/amount"),
    ("a list", body(amount=[MARKER]), 422, "/amount"),
    ("an object", body(amount={MARKER: 1}), 422, "/amount"),
    ("more than an account holds", literal("18446744073.709551616"), 422, "/amount"),
    ("twenty-one digits", literal("1" * 21), 422, "/amount"),
    ("eight thousand digits", literal("9" * 8_000), 422, "/amount"),
    ("eight thousand places", literal("1." + "9" * 8_000), 422, "/amount"),
    ("eight thousand digits of text", body(amount="9" * 8_000), 422, "/amount"),
    ("a lone surrogate as amount", literal(f'"\\udfff{MARKER}"'), 422, "/amount"),
    ("slippage over all", body(slippageBps=10_001), 422, "/slippageBps"),
    ("slippage below nothing", body(slippageBps=-1), 422, "/slippageBps"),
    ("slippage with a fraction", body(slippageBps=0.5), 422, "/slippageBps"),
    ("slippage as text", body(slippageBps="50"), 422, "/slippageBps"),
    ("slippage true", body(slippageBps=True), 422, "/slippageBps"),
    ("slippage of eight thousand digits", literal("9" * 8_000, "slippageBps"), 422, "/slippageBps"),
    ("slippage 1e400", literal("1e400", "slippageBps"), 422, "/slippageBps"),
    ("an impact over all", body(maxPriceImpactBps=10_001), 422, "/maxPriceImpactBps"),
    ("an unknown order type", body(orderType=MARKER), 422, "/orderType"),
    ("a limit order without its price", body(orderType="limit"), 422, "/limitPrice"),
    ("an unknown venue", body(venues=[MARKER]), 422, "/venues"),
    ("no venue at all", body(venues=[]), 422, "/venues"),
    ("a venue that is a number", body(venues=["raydium", 7]), 422, "/venues/1"),
    ("venues as text", body(venues="raydium"), 422, "/venues"),
    ("many venues", body(venues=["raydium"] * 11), 422, "/venues"),
    ("expiry below nothing", body(expiresInSeconds=-1), 422, "/expiresInSeconds"),
    ("expiry after a year", body(expiresInSeconds=31_536_001), 422, "/expiresInSeconds"),
    ("expiry of null", body(expiresInSeconds=None), 422, "/expiresInSeconds"),
    ("an empty label", body(clientOrderId=""), 422, "/clientOrderId"),
    ("a long label", body(clientOrderId="x" * 65), 422, "/clientOrderId"),
    ("a label with a NUL", body(clientOrderId=f"{MARKER}\0"), 422, "/clientOrderId"),
    ("a label with a lone surrogate", literal(f'"{MARKER}\\udc80"', "clientOrderId"), 422, "/clientOrderId"),
    ("a label that turns text around", body(clientOrderId=f"{MARKER}\u202e"), 422, "/clientOrderId"),
    ("an unknown field", body(**{MARKER: 1}), 422, f"/{MARKER}"),
    ("our own name for a field", body(token_in="SOL"), 422, "/token_in"),
    ("an unknown field with a NUL", literal("1", f"{MARKER}\\u0000"), 422, f"/{MARKER}\\u0000"),
    ("an unknown field with a lone surrogate", literal("1", f"{MARKER}\\ud800"), 422, ""),
    ("an unknown field that turns text around", body(**{f"{MARKER}\u202e": 1}), 422, f"/{MARKER}\\u202e"),
    ("a long unknown field", body(**{"x" * 5000: 1}), 422, f"/{'x' * 64}..."),
    ("an unknown field with a slash", body(**{f"a/{MARKER}~": 1}), 422, f"/a~1{MARKER}~0"),
    ("a field twice", body()[:-1] + b',"amount":2}', 400, None),
    ("a nested field twice", literal(f'{{"{MARKER}":1,"{MARKER}":1}}'), 400, None),
    ("a byte order mark", b"\xef\xbb\xbf" + body(), 400, None),
    ("not UTF-8", body().replace(b"SOL", b"S\xffL"), 400, None),
    ("UTF-16", body().decode().encode("utf-16"), 400, None),
    ("half a surrogate in UTF-8", body().replace(b"SOL", b"\xed\xa0\x80"), 400, None),
    ("a bare NUL", body() + b"\0", 400, None),
    ("nothing", b"", 400, None),
    ("white space", b"  \n", 400, None),
    ("half a body", body()[:-5], 400, None),
    ("words after the body", body() + MARKER.encode(), 400, None),
    ("words", MARKER.encode(), 400, None),
    ("a list of orders", b"[" + body() + b"]", 400, None),
    ("a text", f'"{MARKER}"'.encode(), 400, None),
    ("null", b"null", 400, None),
    ("a form", f"tokenIn={MARKER}".encode(), 400, None),
    ("deeply nested lists", b"[" * 8_000, 400, None),
    ("deeply nested lists that end", b"[" * 4_000 + b"]" * 4_000, 400, None),
    ("deeply nested objects", b'{"a":' * 1_600, 400, None),
    ("a deeply nested amount", literal("[" * 4_000 + "]" * 4_000), 400, None),
    ("a nested amount", literal("[" * 100 + "]" * 100), 422, "/amount"),
    ("many fields", b"{" + b",".join(b'"%d":1' % n for n in range(51)) + b"}", 400, None),
    ("many nested fields", literal("{" + ",".join(f'"{n}":1' for n in range(51)) + "}"), 400, None),
    ("many values", literal("[" + "1," * 2_600 + "1]"), 400, None),
    ("single quotes", b"{'tokenIn': 'SOL'}", 400, None),
    ("a comment", b'{"tokenIn": "SOL" /* x */}', 400, None),
    ("a line break in a text", body(tokenIn="S~L").replace(b"~", b"\n"), 400, None),
]


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    fields = {"type", "title", "status", "detail", "message", "code", "retryable", "requestId"}
    assert set(problem) - {"errors"} == fields
    assert problem["status"] == status
    assert problem["requestId"] == answer.headers["x-request-id"]
    assert problem["retryable"] is (status >= 429)
    assert MARKER.lower() not in (repeated_values(problem) + str(answer.headers)).lower()
    return problem


async def test_every_invalid_body_is_refused_and_places_no_order(engine: Engine) -> None:
    for what, content, status, pointer in REFUSED:
        answer = await engine.http.post(
            "/api/orders/execute", content=content, headers={"Content-Type": "application/json"}
        )
        problem = assert_problem(answer, status)
        if pointer is None:
            assert problem["code"] == "malformed_body", what
        else:
            assert [error["pointer"] for error in problem["errors"]] == [pointer], what
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


async def test_every_invalid_field_has_a_pointer(engine: Engine) -> None:
    answer = await engine.http.post("/api/orders/execute", json={"tokenIn": 1, "amount": -1, MARKER: 1})
    problem = assert_problem(answer, 422)
    assert [error["pointer"] for error in problem["errors"]] == ["/tokenIn", "/tokenOut", f"/{MARKER}"]
    answer = await engine.http.post("/api/orders/execute", json=SELL_SOL | {"amount": -1, "minAmountOut": "x"})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/amount", "/minAmountOut"]


async def test_a_body_of_another_content_type_is_refused(engine: Engine) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"):
        answer = await engine.http.post("/api/orders/execute", content=body(), headers={"Content-Type": kind})
        assert assert_problem(answer, 415)["code"] == "not_json"


@pytest.mark.parametrize(("path", "content", "kib"), [("execute", body(), 8), ("batch", BATCH, 64)])
async def test_a_body_that_is_too_large_is_refused_also_in_chunks(
    engine: Engine, path: str, content: bytes, kib: int
) -> None:
    json = {"Content-Type": "application/json"}
    just_right = content + b" " * (kib * 1024 - len(content))
    too_large = just_right + b" "
    accepted = await engine.http.post(f"/api/orders/{path}", content=just_right, headers=json)
    assert accepted.is_success

    async def in_chunks() -> Any:
        for start in range(0, len(too_large), 1000):
            yield too_large[start : start + 1000]

    for content in (too_large, in_chunks()):
        answer = await engine.http.post(f"/api/orders/{path}", content=content, headers=json)
        problem = assert_problem(answer, 413)
        assert problem["code"] == "body_too_large"
        assert f" {kib} KiB" in problem["detail"]


async def test_a_client_that_disconnects_during_its_body_causes_no_error_log(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(engine.base_url.rpartition(":")[2]))
    writer.write(
        b"POST /api/orders/execute HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    await writer.drain()
    await engine.http.get("/health/live")  # by now the server has read it
    writer.close()
    await writer.wait_closed()

    async def counted() -> bool:
        return 'route="/api/orders/execute"' in (await engine.http.get("/metrics")).text

    await eventually(counted)
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
