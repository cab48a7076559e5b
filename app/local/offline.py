"""The embedded Postgres for a command that needs no engine, and must not have one."""

import asyncio
import contextlib
import os
from collections.abc import Iterator

from app.local import postgres_data, state
from app.local import servers as embedded
from app.local.data_home import data_directory, prepare
from app.local.watchdog import Watchdog
from app.settings import Settings


@contextlib.contextmanager
def servers(settings: Settings) -> Iterator[str]:
    """The address of Postgres: the configured one, that of the running `engine up`, or one that runs for this block."""
    home = settings.engine_home.absolute()
    if settings.postgres_dsn:
        yield settings.postgres_dsn
    elif running := state.read(home):
        yield running.postgres
    else:
        postgres_data.end_orphans(data_directory(home) / "postgres")  # they hold the lock
        lock = state.acquire_lock(home)
        watchdog = Watchdog(inherits=[lock])
        try:
            server = embedded.start_postgres(prepare(home, durable=True), watchdog)
            asyncio.run(embedded.wait_until_ready(server))
            yield server.url
        finally:
            watchdog.end()
            os.close(lock)
