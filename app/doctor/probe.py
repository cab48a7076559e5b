"""What is at an address where the server that should be there does not answer. None: nothing."""

import asyncio
import contextlib
import socket

SECONDS = 1.0


async def look(host: str, port: int, name: str) -> tuple[str, str] | None:
    """What was found, and what to do. `name` is the server that should be there."""
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
    except socket.gaierror:
        return f"the name {host} does not resolve", "correct the host, or make its name known"
    except (OSError, TimeoutError):
        return None
    at = f"{host}:{port}"
    try:
        writer.write(b"PING\r\n")  # a Redis answers, a web server objects, and a Postgres closes the connection
        async with asyncio.timeout(SECONDS):
            answer = await reader.read(64)
    except TimeoutError:
        todo = "look whether it is stopped or overloaded, and whether this is its address"
        return f"{at} accepts connections and does not answer", todo
    except OSError:
        answer = b""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    redis = answer.startswith((b"+PONG", b"-NOAUTH", b"-DENIED", b"-LOADING"))
    if not answer or answer[0] < 32 or (redis and name == "Redis"):
        return f"{at} ends the connection", "look at its log, and whether it wants TLS, or refuses it"
    return f"at {at} is {'a Redis' if redis else 'another program'}, and no {name}", "correct its host or port"
