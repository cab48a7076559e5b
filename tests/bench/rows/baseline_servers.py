"""Servers that do nothing: the most that the load tool, and HTTP in Python and in node, reach on this machine."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

# As long as the answer of the engine.
BODY = b'{"success":true,"orderId":"00000000-0000-4000-8000-000000000000","message":"' + b"x" * 320 + b'"}'
HEAD = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY)

NODE = """
const [port, body] = process.argv.slice(1)
const head = { 'content-type': 'application/json', 'content-length': body.length }
require('node:http').createServer((request, response) => {
  request.on('data', () => {}).on('end', () => response.writeHead(202, head).end(body))
}).listen(Number(port), '127.0.0.1')
"""


class FixedAnswer(asyncio.Protocol):
    """Sends the same answer to every request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, _: bytes) -> None:
        self._transport.write(HEAD + BODY)


async def empty(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(FixedAnswer, "127.0.0.1", port)
    await server.serve_forever()


Message = dict[str, Any]


async def asgi(
    _: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def command(kind: str, port: int) -> list[str]:
    if kind == "node":
        return ["node", "-e", NODE, str(port), BODY.decode()]
    return [sys.executable, "-m", "tests.bench.rows.baseline_servers", kind, str(port)]


def main() -> None:
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "empty":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(empty(port))
    else:
        import uvicorn

        uvicorn.run(asgi, port=port, loop="uvloop", http="httptools", lifespan="off", log_config=None, access_log=False)


if __name__ == "__main__":
    main()
