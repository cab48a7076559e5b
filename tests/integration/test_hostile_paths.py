"""Hostile paths, queries, cursors and headers are refused, and none causes an internal error."""

import asyncio
import base64
import re

from tests.engine import SELL_SOL, Engine
from tests.integration.hostile import MARKER, UNKNOWN
from tests.integration.test_api_hostile import assert_problem, body

HOSTILE_PATHS = [
    ("GET", f"/api/orders/{MARKER}", 404),
    ("GET", "/api/orders/%00", 404),
    ("GET", "/api/orders/%ff", 404),
    ("GET", f"/api/orders/{UNKNOWN.replace('-', '')}", 404),
    ("GET", f"/api/orders/%7B{UNKNOWN}%7D", 404),
    ("GET", f"/api/orders/{UNKNOWN}/events?after={MARKER}", 422),
    ("GET", f"/api/orders/{UNKNOWN}/events?after=-1", 422),
    ("GET", f"/api/orders/{UNKNOWN}/events?after=9999999999", 422),
    ("GET", f"/api/orders/{UNKNOWN}/events?after=%D9%A1", 422),
    ("POST", f"/api/orders/{MARKER}/cancel", 404),
    ("GET", f"/api/orders/{MARKER}/connections", 404),
    ("GET", f"/api/orders?status={MARKER}", 422),
    ("GET", "/api/orders?status=", 422),
    ("GET", f"/api/orders?tokenIn={MARKER}", 422),
    ("GET", "/api/orders?tokenOut=%00", 422),
    ("GET", f"/api/orders?venue={MARKER}", 422),
    ("GET", f"/api/orders?venue={MARKER * 10}", 422),
    ("GET", f"/api/orders?cursor={MARKER}", 422),
    ("GET", "/api/orders?cursor=", 422),
    ("GET", "/api/orders?cursor=%00", 422),
    ("GET", f"/api/orders?cursor={MARKER * 100}", 422),
    ("GET", f"/api/orders?limit={MARKER}", 422),
    ("GET", "/api/orders?limit=0", 422),
    ("GET", "/api/orders?limit=201", 422),
    ("GET", f"/api/orders?limit={'9' * 1900}", 422),
    ("GET", f"/api/quotes?tokenIn={MARKER}&tokenOut=USDC&amount=1", 422),
    ("GET", "/api/quotes?tokenIn=SOL&tokenOut=SOL&amount=1", 422),
    ("GET", f"/api/quotes?tokenIn=SOL&tokenOut=USDC&amount={MARKER}", 422),
    ("GET", "/api/quotes?tokenIn=SOL&tokenOut=USDC&amount=1e2", 422),
    ("GET", "/api/quotes?tokenIn=SOL&tokenOut=USDC&amount=%EF%BC%91", 422),
    ("GET", "/api/quotes?tokenIn=SOL&tokenOut=USDC", 422),
    ("GET", f"/api/orders?{MARKER}=1", 422),
    ("GET", "/api/orders?%00%ff%E2%80%AE=1&status=pending", 422),
    ("GET", f"/api/orders/{UNKNOWN}?{'x' * 1900}", 422),
    ("GET", f"/api/tokens?{'&'.join(f'x{n}' for n in range(400))}", 422),
    ("POST", f"/api/queue/pause?{MARKER}", 422),
    ("GET", f"/{MARKER}", 404),
    ("GET", f"/docs/files/{MARKER}", 404),
    ("GET", "/docs/files/%00", 404),
    ("GET", "/docs/files/..%2f..%2fdocs.py", 404),
    ("GET", "/web/%00", 404),
    ("GET", f"/web/{'x' * 1900}", 404),
    ("GET", f"/web/{'x' * 5000}", 414),
    ("DELETE", "/api/orders/execute", 405),
    ("PUT", "/health", 405),
]


async def test_no_path_or_query_causes_an_internal_error(engine: Engine) -> None:
    for method, path, status in HOSTILE_PATHS:
        assert_problem(await engine.http.request(method, path), status)


FORGED_CURSORS = [
    f"0001-01-01T00:00:00+23:59 {UNKNOWN}",
    f"9999-12-31T23:59:59-23:59 {UNKNOWN}",
    f"2026-01-01T00:00:00 {UNKNOWN}",
    f"2026 {UNKNOWN}",
    f"now {UNKNOWN}",
    f"2026-01-01T00:00:00+00:00 {MARKER}",
    "2026-01-01T00:00:00+00:00",
]


async def test_a_forged_cursor_is_refused(engine: Engine) -> None:
    for text in FORGED_CURSORS:
        cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        answer = await engine.http.get("/api/orders", params={"cursor": cursor})
        assert assert_problem(answer, 422)["code"] == "invalid_cursor"


async def test_an_invalid_idempotency_key_is_refused(engine: Engine) -> None:
    for header in ("Idempotency-Key", "x-idempotency-key"):
        for key in ("", "x" * 256, "a\tb", "ä"):
            headers = [(header.encode(), key.encode())]
            answer = await engine.http.post("/api/orders/execute", json=SELL_SOL, headers=headers)
            assert assert_problem(answer, 422)["code"] == "invalid_key", (header, key)


async def test_two_different_idempotency_keys_are_refused(engine: Engine) -> None:
    headers = {"Idempotency-Key": "one", "x-idempotency-key": MARKER}
    answer = await engine.http.post("/api/orders/execute", json=SELL_SOL, headers=headers)
    assert assert_problem(answer, 422)["code"] == "invalid_key"
    answer = await engine.http.post(
        "/api/orders/execute", json=SELL_SOL, headers=headers | {"x-idempotency-key": "one"}
    )
    assert answer.status_code == 202


async def raw(engine: Engine, request: bytes) -> bytes:
    """The answer to exactly these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(engine.base_url.rpartition(":")[2]))
    writer.write(request)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = re.search(rb"content-length: (\d+)", head)
    answer = head + (await reader.readexactly(int(length[1])) if length else b"")
    writer.close()
    await writer.wait_closed()
    return answer


async def test_an_invalid_host_header_is_refused_and_not_repeated(engine: Engine) -> None:
    content = body()
    for host in ("[", "[::1", "a b", "evil.example/x?", "user@evil.example", "[::1]:x", ""):
        head = f"POST /api/orders/execute HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(content)}\r\n\r\n"
        answer = await raw(engine, head.encode() + content)
        assert answer.startswith(b"HTTP/1.1 421"), (host, answer)
        assert b"evil" not in answer
