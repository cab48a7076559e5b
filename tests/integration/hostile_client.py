"""A client that sends raw bytes, which no HTTP library would send, and parses the answers."""

import contextlib
import re
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes


def send_request(
    port: int, method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]] = (), body: bytes = b""
) -> Answer | None:
    """Send one raw request on a new connection. None: the connection was closed without an answer."""
    lines = [b"%b %b HTTP/1.1" % (method, target), b"Connection: close"]
    lines += [name + b": " + value for name, value in headers]
    if body or method == b"POST":
        lines.append(b"Content-Length: %d" % len(body))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        with contextlib.suppress(ConnectionError):  # refused before everything was sent; the answer may still arrive
            connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        raw = read_all(connection)
    head, _, rest = raw.partition(b"\r\n\r\n")
    return parse_answer(head, rest) if raw else None


def parse_answer(head: bytes, rest: bytes) -> Answer:
    status, *fields = head.decode("latin-1").split("\r\n")
    assert re.fullmatch(r"HTTP/1\.1 \d{3} .*", status), head
    headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    return Answer(int(status.split()[1]), headers, rest, head + rest)


def read_all(connection: socket.socket) -> bytes:
    raw = b""
    with contextlib.suppress(ConnectionError):  # reset, because the engine had not read everything
        while chunk := connection.recv(65_536):
            raw += chunk
    return raw


def frame(opcode: int, payload: bytes, *, final: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    first = final << 7 | reserved << 4 | opcode
    length, mask = len(payload), b"\x9f\x21\x03\xe8" if masked else b""
    size = (
        bytes([length])
        if length < 126
        else b"\x7e" + struct.pack("!H", length)
        if length < 65_536
        else b"\x7f" + struct.pack("!Q", length)
    )
    head = bytes([first, size[0] | masked << 7]) + size[1:]
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)) if masked else head + payload


HANDSHAKE = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Version", b"13")]
HANDSHAKE += [(b"Host", b"localhost"), (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ==")]


def talk(
    port: int, target: bytes, headers: Sequence[tuple[bytes, bytes]], frames: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Send a WebSocket handshake, then all frames at once. Returns the headers of the answer and all data after it."""
    lines = [b"GET %b HTTP/1.1" % target, *(name + b": " + value for name, value in headers)]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        raw = b""
        while b"\r\n\r\n" not in raw and (chunk := connection.recv(65_536)):
            raw += chunk
        head, _, rest = raw.partition(b"\r\n\r\n")
        if not raw.startswith(b"HTTP/1.1 101 "):  # the connection may stay open
            length = re.search(rb"(?i)content-length: (\d+)", head)
            while length and len(rest) < int(length[1]):
                rest += connection.recv(65_536)
            return head, rest
        with contextlib.suppress(ConnectionError):  # already closed; the close frame may still be readable
            connection.sendall(b"".join(frames) + frame(8, b"\x03\xe8"))
        return head, rest + read_all(connection)


def parse_frames(raw: bytes) -> list[tuple[int, bytes]]:
    """Frames of the server, as (opcode, payload)."""
    frames = []
    while raw:
        opcode, length, at = raw[0] & 15, raw[1], 2
        if length == 126:
            length, at = struct.unpack("!H", raw[2:4])[0], 4
        frames.append((opcode, raw[at : at + length]))
        raw = raw[at + length :]
    return frames
