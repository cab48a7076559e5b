"""A rolling upgrade: the engine of this tree, and one of the next version, whose schema has one column more."""

import asyncio
import random
import re
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from migrations.revisions import known_revisions
from migrations.upgrade import upgrade
from tests.chaos.clients import Clients
from tests.chaos.environment import CLONE, Environment, Process
from tests.chaos.process_faults import verdict_of
from tests.engine import eventually

PACE = {"MOCK_QUOTE_MS": "20", "MOCK_EXECUTION_MS_MIN": "100", "MOCK_EXECUTION_MS_MAX": "300"}
READY = {"api": b"local mode", "worker": b"worker ready", "watcher": b"watcher ready"}
ROLES = ("api", "worker", "worker", "watcher")
MIGRATION = '''"""The version that claimed an order."""

import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{newest}"


def upgrade() -> None:
    op.add_column("orders", sa.Column("claimed_with", sa.Text()))


def downgrade() -> None:
    op.drop_column("orders", "claimed_with")
'''
# The statement that claims orders, before and after: the next version writes the column.
CLAIMS = "fence = {NEW_FENCE}, error = NULL,", "fence = {NEW_FENCE}, claimed_with = 'next', error = NULL,"
COUNTS = """
SELECT count(*) FILTER (WHERE claimed_with IS NULL) AS old, count(*) FILTER (WHERE claimed_with = 'next') AS new
  FROM orders JOIN order_events e ON e.order_id = orders.id AND e.status = 'routing'
 WHERE e.at BETWEEN $1 AND $2
"""
MIGRATE = "import sys; from migrations.upgrade import upgrade; upgrade(sys.argv[1])"
DOWNGRADE = """
import sys; from alembic import command; from migrations.upgrade import configuration
command.downgrade(configuration(sys.argv[1]), "-1")
"""


async def rolling_upgrade(env: Environment, rng: random.Random) -> tuple[str, bool]:
    """Migrated under load; then each new process is started beside the old ones, and these get SIGTERM."""
    await env.clear()
    tree = await asyncio.to_thread(_next_version, env.home)
    old = [env.start(role, PACE) for role in ROLES]
    await _ready(old)
    clients = Clients(env.base_url, rng)
    await clients.place(2)
    errors = clients.errors
    over = asyncio.Event()
    loading = asyncio.create_task(_place_until(over, clients))
    try:
        await asyncio.sleep(1)
        await asyncio.to_thread(_run, tree, MIGRATE, env.postgres.url)
        migrated = datetime.now(UTC)
        new = [env.start(role, PACE, tree=tree) for role in ROLES]
        await _ready(new)
        together = datetime.now(UTC)
        await asyncio.sleep(2)
        for process in old:
            process.send(signal.SIGTERM)
        codes = {await process.exited() for process in old}
        await asyncio.sleep(2)
        over.set()
        await loading
        verdict = await verdict_of(env, clients)
        failed = await env.db.fetchval("SELECT count(*) FROM orders WHERE status <> 'confirmed'")
        (alone,) = await env.db.fetch(COUNTS, migrated, together)
        (all_after,) = await env.db.fetch(COUNTS, together, datetime.now(UTC))
    finally:
        loading.cancel()
        await env.end_processes()
        await asyncio.to_thread(_run, tree, DOWNGRADE, env.postgres.url)
        await asyncio.to_thread(upgrade, env.postgres.url)
        shutil.rmtree(tree)
    refused = clients.errors - errors
    by_old, by_new = alone["old"] + all_after["old"], alone["new"] + all_after["new"]
    figure = (
        f"{verdict.orders} orders: {verdict.lost} lost, {verdict.twice} twice, {verdict.gaps} gaps, {failed} failed, "
        f"{refused} client errors; on the new schema the old version started {by_old}, the new one {by_new}; "
        f"exit codes {sorted(codes)}"
    )
    if not verdict.clean:
        return str(verdict), False
    return figure, not failed and not refused and by_old > 0 and by_new > 0 and codes == {0}


def _next_version(home: Path) -> Path:
    """A copy of this tree with one migration more, and with code that needs it."""
    tree = home / "next"
    for package in ("app", "migrations", "worker", "tests"):
        shutil.copytree(CLONE / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    newest = known_revisions()[-1]
    following = f"{int(newest) + 1:04}"
    migration = tree / "migrations" / "versions" / f"{following}_claimed_with.py"
    migration.write_text(MIGRATION.format(newest=newest, next=following))
    statements = tree / "app" / "orders" / "store" / "statements.py"
    text, changed = re.subn(re.escape(CLAIMS[0]), CLAIMS[1], statements.read_text())
    assert changed == 1, f"statements.py has no {CLAIMS[0]!r} any more"
    statements.write_text(text)
    return tree


def _run(tree: Path, code: str, url: str) -> None:
    done = subprocess.run([sys.executable, "-c", code, url], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def _ready(processes: list[Process]) -> None:
    async def all_ready() -> bool:
        logs = zip(processes, ROLES, strict=True)
        return all(READY[role] in process.log.read_bytes() for process, role in logs)

    await eventually(all_ready, within=60)


async def _place_until(over: asyncio.Event, clients: Clients) -> None:
    while not over.is_set():
        await clients.place_mixed(16, pause=1.0)
