"""The addresses of the servers, for commands that need them."""

import contextlib
import os
from collections.abc import Iterator

from app.local import CannotStart
from app.settings import Settings, load


@contextlib.contextmanager
def database() -> Iterator[str]:
    """For a command that needs only Postgres: an embedded one runs for it, migrated, if `engine up` does not."""
    from app.local import offline, state

    settings = load()
    alone = not settings.postgres_dsn and state.read(settings.engine_home.absolute()) is None
    with offline.servers(settings) as dsn:
        if alone:
            from migrations.upgrade import upgrade

            upgrade(dsn)
        yield dsn


def with_servers() -> Settings:
    """The settings with the addresses of the servers: from the environment, or from the running `engine up`."""
    settings = load()
    if settings.postgres_dsn and settings.redis_dsn:
        return settings
    from app.local import state

    running = state.read(settings.engine_home.absolute())
    if running is None:
        raise CannotStart("set DATABASE_URL and REDIS_URL, or start `engine up`, which starts its own servers.")
    # Through the environment: the process reads its settings again.
    os.environ["DATABASE_URL"] = settings.postgres_dsn or running.postgres
    os.environ["REDIS_URL"] = settings.redis_dsn or running.redis
    return load()
