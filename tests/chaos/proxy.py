"""A TCP proxy between the engine and a server that can reset, stall, slow or cut connections."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import Enum, auto

CHUNK = 64 * 1024


class LinkState(Enum):
    UP = auto()
    STALLED = auto()  # connections stay open, no data passes
    DOWN = auto()  # connections are reset and refused


class Proxy:
    """Listens on a port of its own; `target` may change while it runs."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._clear = asyncio.Event()
        self._clear.set()
        self._state = LinkState.UP
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._bytes_left: int | None = None
        self._seconds_per_chunk = 0.0
        self._swallow: Callable[[bytes], bool] | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._clear.set()
        self.reset()

    def set(self, state: LinkState) -> None:
        self._state = state
        if state is LinkState.STALLED:
            self._clear.clear()
        else:
            self._clear.set()
        if state is LinkState.DOWN:
            self.reset()

    def reset(self) -> None:
        """Abort all open connections."""
        for writer in list(self._open):
            writer.transport.abort()

    def cut_after(self, count: int) -> None:
        """Reset the connection on which the server has sent this many more bytes."""
        self._bytes_left = count

    def throttle(self, seconds_per_chunk: float) -> None:
        self._seconds_per_chunk = seconds_per_chunk

    def cut_before_answer_to(self, is_request: Callable[[bytes], bool]) -> None:
        """The next request that `is_request` recognises reaches the server, but its answer is lost."""
        self._swallow = is_request

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._state is LinkState.DOWN:
            writer.transport.abort()
            return
        try:
            upstream, onward = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, onward}
        doomed = asyncio.Event()
        try:
            await asyncio.gather(
                self._copy(reader, onward, lambda chunk: self._request(chunk, doomed)),
                self._copy(upstream, writer, lambda chunk: self._answer(chunk, doomed)),
            )
        except OSError:
            pass
        finally:
            for end in (writer, onward):
                self._open.discard(end)
                end.transport.abort()

    async def _copy(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passes: Callable[[bytes], Awaitable[bool]],
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                await self._clear.wait()
                if self._seconds_per_chunk:
                    await asyncio.sleep(self._seconds_per_chunk)
                if not await passes(chunk):
                    raise ConnectionResetError
                writer.write(chunk)
                await writer.drain()
        raise ConnectionResetError  # one side has closed: close the other

    async def _request(self, chunk: bytes, doomed: asyncio.Event) -> bool:
        if self._swallow is not None and self._swallow(chunk):
            self._swallow = None
            doomed.set()
        return True

    async def _answer(self, chunk: bytes, doomed: asyncio.Event) -> bool:
        if doomed.is_set():
            await asyncio.sleep(0.05)  # the server has executed the request, as it answered
            return False
        if self._bytes_left is not None:
            self._bytes_left -= len(chunk)
            if self._bytes_left < 0:
                self._bytes_left = None
                return False
        return True
