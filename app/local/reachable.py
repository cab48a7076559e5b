"""Whether a server answers."""

import asyncio
import http.client
from urllib.parse import urlsplit

from app.settings import SettingsError


def answers(url: str, path: str) -> bool:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=0.5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def check_redis(address: str) -> None:
    from redis.exceptions import RedisError

    from app.redis_client import fail_fast_redis

    async def ping() -> None:
        async with fail_fast_redis(address) as client:
            await client.ping()

    host = urlsplit(address).netloc.rpartition("@")[2]  # without the password
    try:
        asyncio.run(ping())
    except (RedisError, OSError, ValueError):
        raise SettingsError(f"REDIS_URL: no Redis answers at {host or 'this address'}.") from None
