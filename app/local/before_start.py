"""What `engine up` refuses or warns of before it starts anything: each process would say it again, and end."""

import asyncio
from pathlib import Path

from app.local import binaries
from app.local.output import print_line
from app.preflight import problems
from app.settings import ENV_FILE, Settings, SettingsError, where_set


def check(settings: Settings) -> None:
    """Raises SettingsError with everything that the API, the worker or the watcher would refuse."""
    unsafe = problems(settings, api=True, signs=False) + problems(settings, api=True, signs=True)
    if unsafe:
        raise SettingsError("\n".join([*dict.fromkeys(unsafe), f"Settings are corrected {where_set()}."]))
    needed = {binaries.POSTGRES: settings.postgres_dsn, binaries.VALKEY: settings.redis_dsn}
    binaries.require(*(package for package, address in needed.items() if address is None))
    here = Path(".env").absolute()
    if here.is_file() and here != ENV_FILE.absolute():
        print_line(f"{here} is not read: settings are {where_set()}")


def check_keys(postgres: str) -> None:
    from app.preflight.servers import keys_exist  # production mode only: it imports a lot

    asyncio.run(keys_exist(postgres))
