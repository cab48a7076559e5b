"""The local node as a process: killed and started again, it has every transaction that it ever answered."""

import asyncio
import base64
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import httpx
from solders.hash import Hash
from solders.message import MessageV0
from solders.transaction import VersionedTransaction

from app.localnet.genesis import mint_of
from tests.engine import eventually
from tests.localnet import SOL, WALLET, pool

ME = WALLET.pubkey()


async def started(journal: Path, port: int) -> asyncio.subprocess.Process:
    arguments = ["-m", "app.localnet", "--journal", journal, "--port", str(port), "--wallet", str(ME)]
    return await asyncio.create_subprocess_exec(sys.executable, *map(str, arguments))


async def test_a_killed_node_has_everything_that_it_answered(tmp_path: Path) -> None:
    landed: list[str] = []
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:

        async def call(method: str, *params: Any) -> Any:
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return (await client.post("/", json=request)).json()["result"]

        async def healthy() -> bool:
            try:
                return bool(await call("getHealth") == "ok")
            except httpx.TransportError:
                return False

        for start in range(2):
            node = await started(tmp_path / "journal", port)
            try:
                await eventually(healthy)
                statuses = (await call("getSignatureStatuses", landed, {"searchTransactionHistory": True}))["value"]
                assert [one["err"] for one in statuses] == [None] * len(landed)
                blockhash = (await call("getLatestBlockhash", {"commitment": "processed"}))["value"]["blockhash"]
                for amount in range(1, 6):
                    swap = pool().whole_swap(ME, mint_of(SOL), amount * 10**6 + start, 1)
                    message = MessageV0.try_compile(ME, swap, [], Hash.from_string(blockhash))
                    raw = base64.b64encode(bytes(VersionedTransaction(message, [WALLET]))).decode()
                    landed.append(await call("sendTransaction", raw, {"encoding": "base64", "skipPreflight": True}))
            finally:
                node.send_signal(signal.SIGKILL)
                await node.wait()
    assert len(set(landed)) == 10
