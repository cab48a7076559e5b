"""JSON-RPC over HTTP. Whatever goes wrong is a `DexError` with the code `rpc_timeout`."""

import itertools
from typing import Any

from app.dex.adapters.http import Server, Unanswered
from app.dex.errors import DexError

MAX_ANSWER = 8 * 1024 * 1024  # bytes
LONG = frozenset({"getMultipleAccounts", "getSignaturesForAddress", "getTransaction", "simulateTransaction"})
# Strangers make it megabytes long, of which 256 KiB come at once: of a node that is 150 ms away in more than 3 s.
SLOW = {"getSignaturesForAddress": 4}  # method → how many times as long it has
OK = 200


class RpcUnanswered(DexError):
    """Nothing is known of the call: it may have been carried out or not."""

    def __init__(self, detail: str) -> None:
        super().__init__("rpc_timeout", detail)


class RpcRefused(DexError):
    """The node answered with an error."""

    def __init__(self, number: int) -> None:
        # Its own text may have its URL in it, with a key.
        super().__init__("rpc_timeout", f"The node refused the call, with the error {number}.")
        self.number = number


class Rpc:
    """One provider."""

    def __init__(self, url: str, *, timeout: float = 3.0) -> None:
        self._server = Server(url, timeout=timeout, max_answer=MAX_ANSWER)
        self._numbers = itertools.count(1)

    async def close(self) -> None:
        await self._server.close()

    def rests_for(self) -> float:
        """Seconds for which it is left alone, because it was asked too often."""
        return self._server.rests_for()

    async def call(self, method: str, *params: Any, within: float | None = None) -> Any:
        """The result. `within`: seconds, if fewer than usual."""
        number = next(self._numbers)
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        try:
            times, may_be_long = SLOW.get(method, 1), method in LONG
            status, answer = await self._server.ask(
                "POST", body=body, within=within, times=times, may_be_long=may_be_long
            )
        except Unanswered as error:
            raise RpcUnanswered(f"The node did not answer {method} {error}.") from None
        if status != OK:
            raise RpcUnanswered(f"The node answered {method} with HTTP {status}.")
        if not isinstance(answer, dict) or answer.get("id") != number:
            raise RpcUnanswered(f"The node did not answer {method} with JSON-RPC.")
        if (refused := answer.get("error")) is not None:
            code = refused.get("code") if isinstance(refused, dict) else None
            raise RpcRefused(code if isinstance(code, int) else 0)
        if "result" not in answer:
            raise RpcUnanswered(f"The node did not answer {method} with a result.")
        return answer["result"]
