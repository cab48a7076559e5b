"""The JSON-RPC of the local node: Agave's shapes over HTTP, and the faults it can be told to have."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.localnet.faults import Faults
from app.localnet.genesis import mint_of
from app.localnet.view import Node
from tests.localnet import SOL, WALLET, open_validator, pool, served, signature_of, signed

Call = Callable[..., Awaitable[Any]]
ME = WALLET.pubkey()
BASE64 = {"encoding": "base64", "skipPreflight": True}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(open_validator(tmp_path / "journal"), Faults())


@pytest.fixture
async def http(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    async with served(node) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


@pytest.fixture
def call(http: httpx.AsyncClient) -> Call:
    async def one(method: str, *params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        answer = (await http.post("/", json=request)).json()
        assert answer["id"] == 7
        return answer.get("result", answer.get("error"))

    return one


def swap_of(node: Node, floor: int = 1) -> bytes:
    return signed(node.validator, pool().whole_swap(ME, mint_of(SOL), 10**9, floor))


async def sent(call: Call, raw: bytes) -> str:
    signature = await call("sendTransaction", base64.b64encode(raw).decode(), BASE64)
    assert signature == signature_of(raw)
    return str(signature)


async def status(call: Call, signature: str) -> Any:
    return (await call("getSignatureStatuses", [signature], {"searchTransactionHistory": True}))["value"][0]


async def test_a_landed_swap_becomes_confirmed_and_then_finalized(call: Call, node: Node) -> None:
    signature = await sent(call, swap_of(node))
    levels = []
    for blocks in (0, 1, 30, 1):
        node.validator.skip(blocks)
        levels.append((await status(call, signature))["confirmationStatus"])
    assert levels == ["processed", "confirmed", "confirmed", "finalized"]
    assert (await status(call, signature)) | {"slot": 0} == {
        "slot": 0,
        "confirmations": None,
        "err": None,
        "status": {"Ok": None},
        "confirmationStatus": "finalized",
    }


async def test_a_transaction_tells_its_fee_its_error_and_all_balances(call: Call, node: Node) -> None:
    landed, refused = await sent(call, swap_of(node)), await sent(call, swap_of(node, floor=2**60))
    node.validator.skip(1)
    options = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0, "encoding": "json"}
    meta = (await call("getTransaction", landed, options))["meta"]
    assert (meta["err"], meta["fee"]) == (None, 5_000)
    assert meta["preBalances"][0] - meta["postBalances"][0] == 10**9 + 5_000
    mine = [one for one in meta["postTokenBalances"] if one["owner"] == str(ME)]
    assert [set(one) for one in mine] == [{"accountIndex", "mint", "owner", "uiTokenAmount"}]
    assert mine[0]["uiTokenAmount"]["decimals"] == 6
    assert (await call("getTransaction", refused, options))["meta"]["err"] == {
        "InstructionError": [4, {"Custom": 6001}]
    }
    assert await call("getTransaction", landed, options | {"commitment": "finalized"}) is None


async def test_a_simulation_tells_units_and_accounts_and_changes_nothing(call: Call, node: Node) -> None:
    options = {"encoding": "base64", "replaceRecentBlockhash": True, "accounts": {"addresses": [str(ME)]}}
    value = (await call("simulateTransaction", base64.b64encode(swap_of(node)).decode(), options))["value"]
    assert (value["err"], value["unitsConsumed"] > 10_000) == (None, True)
    assert value["accounts"][0]["lamports"] < (await call("getBalance", str(ME)))["value"] == 100 * 10**9
    assert node.validator.landed == {}


async def test_signatures_of_an_address_are_newest_first(call: Call, node: Node) -> None:
    signatures = []
    for amount in (10**8, 2 * 10**8, 3 * 10**8):
        raw = signed(node.validator, pool().whole_swap(ME, mint_of(SOL), amount, 1))
        signatures.append(await sent(call, raw))
    recent = {"commitment": "confirmed"}
    assert await call("getSignaturesForAddress", str(ME), recent) == []
    node.validator.skip(1)
    found = [one["signature"] for one in await call("getSignaturesForAddress", str(ME), recent)]
    assert found == signatures[::-1]
    older = await call("getSignaturesForAddress", str(ME), recent | {"before": found[0], "limit": 1})
    assert [one["signature"] for one in older] == [signatures[1]]


async def test_what_it_cannot_read_is_an_error_of_the_protocol(call: Call, http: httpx.AsyncClient) -> None:
    assert (await call("getNothing"))["code"] == -32601
    assert (await call("getBalance"))["code"] == -32602
    assert (await call("getBalance", "not an address"))["code"] == -32602
    assert (await call("sendTransaction", "AAAA", BASE64))["code"] == -32602
    assert (await call("getSignatureStatuses", ["1"] * 257))["code"] == -32602
    assert (await http.post("/", content=b"{", headers={"content-type": "application/json"})).json()["error"][
        "code"
    ] == -32700


async def test_a_swallowed_send_is_answered_and_never_lands(call: Call, node: Node) -> None:
    node.faults.swallow = 1
    signature = await sent(call, swap_of(node))
    node.validator.skip(5)
    assert await status(call, signature) is None


async def test_a_send_on_a_fork_is_processed_and_then_gone(call: Call, node: Node) -> None:
    node.faults.fork = 1
    signature = await sent(call, swap_of(node))
    assert (await status(call, signature))["confirmationStatus"] == "processed"
    node.validator.skip(1)
    assert await status(call, signature) is None


async def test_a_muted_call_is_carried_out(call: Call, http: httpx.AsyncClient, node: Node) -> None:
    raw = swap_of(node)
    assert (await http.post("/faults", json={"mute": 1})).json()["mute"] == 1
    params = [base64.b64encode(raw).decode(), BASE64]
    request = {"jsonrpc": "2.0", "id": 1, "method": "sendTransaction", "params": params}
    assert (await http.post("/", json=request)).status_code == 504
    assert signature_of(raw) in node.validator.landed
    assert (await http.post("/faults", json={"mute": 0, "busy": 1})).json()["busy"] == 1
    assert (await http.post("/", json=request)).status_code == 429
    assert (await http.post("/faults", json={"unheard": 1})).status_code == 422


async def test_a_node_behind_knows_nothing_of_newer_blocks(call: Call, node: Node) -> None:
    signature = await sent(call, swap_of(node))
    node.validator.skip(40)
    node.faults.lag = 41
    assert await status(call, signature) is None
    assert await call("getBlockHeight", {"commitment": "processed"}) == node.validator.clock.height - 41


async def test_a_node_without_history_says_where_its_history_begins(call: Call, node: Node) -> None:
    signature = await sent(call, swap_of(node))
    node.validator.skip(100)
    node.faults.first_height = node.validator.clock.height - 50
    assert await status(call, signature) is None
    first = await call("getFirstAvailableBlock")
    assert (await call("getBlock", first, {"transactionDetails": "none"}))["blockHeight"] == node.faults.first_height
