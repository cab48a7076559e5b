"""`make migration`: writes the revision that leads from the newest one to app/schema.py.

It compares with a temporary database, so it neither needs nor changes the one you work with.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import Script

from app.local import servers
from app.local.data_home import prepare
from app.local.watchdog import Watchdog
from migrations.upgrade import configuration, upgrade


def main(message: str) -> None:
    home = Path(tempfile.mkdtemp(prefix="engine-draft-"))
    home.chmod(0o711)
    watchdog = Watchdog(removes=home)
    try:
        postgres = servers.start_postgres(prepare(home, durable=False), watchdog)
        asyncio.run(servers.wait_until_ready(postgres))
        upgrade(postgres.url)
        config = configuration(postgres.url)
        config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
        revision = command.revision(config, message, autogenerate=True)
    finally:
        watchdog.end()
    assert isinstance(revision, Script)
    for step in (["check", "--quiet", "--fix-only"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *step, revision.path], check=True)
    print(revision.path)


if __name__ == "__main__":
    main(sys.argv[1])
