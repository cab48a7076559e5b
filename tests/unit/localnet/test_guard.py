"""The local node takes nothing from a web page, whatever name the page was served from."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.localnet.faults import Faults
from app.localnet.server import MAX_BODY
from app.localnet.view import Node
from tests.unit.localnet.test_rpc import http, node

__all__ = ["http", "node"]

JSON = {"content-type": "application/json"}
BODY = b'{"swallow":1}'


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        (JSON | {"host": "evil.example"}, BODY, 421),
        (JSON | {"host": "localhost.evil.example:8899"}, BODY, 421),
        (JSON | {"origin": "https://evil.example"}, BODY, 403),
        (JSON | {"origin": "null"}, BODY, 403),
        ({"content-type": "text/plain"}, BODY, 415),
        ({}, BODY, 415),
        (JSON, b" " * (MAX_BODY + 1), 413),
    ],
    ids=["another host", "a host like ours", "a page", "a page without an origin", "a form", "no type", "too long"],
)
async def test_what_a_page_could_send_changes_nothing(
    http: httpx.AsyncClient, node: Node, headers: dict[str, str], content: bytes, status: int
) -> None:
    for path in ("/faults", "/", "/jupiter/swap", "/raydium/transaction/swap-base-in"):
        assert (await http.post(path, headers=headers, content=content)).status_code == status
    assert node.faults == Faults()


async def test_a_body_has_a_length(http: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield BODY

    assert (await http.post("/faults", headers=JSON, content=pieces())).status_code == 411


async def test_a_page_of_a_foreign_name_reads_nothing(http: httpx.AsyncClient) -> None:
    assert (await http.get("/faults", headers={"host": "evil.example"})).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8899", "127.0.0.1:8899", "[::1]:8899"])
async def test_a_program_of_this_machine_sets_faults(http: httpx.AsyncClient, node: Node, host: str) -> None:
    types = {"content-type": "application/json; charset=utf-8", "host": host}
    assert (await http.post("/faults", headers=types, content=BODY)).status_code == 200
    assert node.faults.swallow == 1
