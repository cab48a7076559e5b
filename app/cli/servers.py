"""The addresses of the servers, for commands that need them."""

import os

from app.local import CannotStart
from app.settings import Settings, load


def database() -> str:
    dsn = with_servers(redis=False).postgres_dsn
    assert dsn
    return dsn


def with_servers(*, redis: bool = True) -> Settings:
    """The settings with the addresses of the servers: from the environment, or from the running `engine up`."""
    settings = load()
    if settings.postgres_dsn and (settings.redis_dsn or not redis):
        return settings
    from app.local import state

    running = state.read(settings.engine_home.absolute())
    if running is None:
        missing = "DATABASE_URL" if not redis else "DATABASE_URL and REDIS_URL"
        raise CannotStart(f"set {missing}, or start `engine up`, which starts its own servers.")
    # Through the environment: the process reads its settings again.
    os.environ["DATABASE_URL"] = settings.postgres_dsn or running.postgres
    os.environ["REDIS_URL"] = settings.redis_dsn or running.redis
    return load()
