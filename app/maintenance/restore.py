"""`engine restore`: the engine's tables as they were in a backup, and nothing starts before an operator says so.

- One transaction moves the tables that are there into a schema of their own, reads the file, and halts trading. So no
  process ever sees restored orders that it may start, and a restore that fails has changed nothing.
- Orders that were filled since are unfinished again. A worker asks the chain about them, while trading is halted.
- Orders that were cancelled since wait again, and the chain does not know of that. So an operator ends the halt.
- What was stricter in the tables that are moved stays: owners who were halted, keys that were revoked, and what they
  have traded of their day, or signed.
- Webhooks stay as they were: nothing is sent where its owner has deleted one since, or signed with a secret of before.
  Deliveries are those of the backup. Dead man's switches stay too: one that its owner has switched off cancels nothing.
"""

import asyncio
import contextlib
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.audit import command_line
from app.maintenance.client_programs import ClientPrograms, client_programs, end, first_error
from app.maintenance.database import CONNECTED, MIGRATED, SCHEMA, connected, no_migration
from app.orders.reconciling.state import begin
from app.orders.store.revision import READ
from app.settings import SettingsError
from migrations.revisions import known_revisions
from migrations.upgrade import upgrade

CONNECTION_LOST = 2  # how psql ends then; nobody knows whether its COMMIT arrived
REASON = "The backup of {} was restored. Orders that were cancelled since then wait again: look at them first."

# psql writes :"schema" as a name and :'reason' as a text. In DO it replaces nothing, so that reads a setting.
BEFORE = r"""
BEGIN;
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SELECT set_config('engine.aside', :'aside', true);
DO $$
DECLARE
    aside text := current_setting('engine.aside');
    here oid := (SELECT oid FROM pg_namespace WHERE nspname = current_schema());
    moved record;
BEGIN
    IF to_regclass('alembic_version') IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE SCHEMA %I', aside);
    -- Indexes, constraints, triggers and the sequences of columns move with their table.
    FOR moved IN
        SELECT c.oid::regclass AS name, c.relkind FROM pg_class c
         WHERE c.relnamespace = here AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                              AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('a', 'i')))
    LOOP
        EXECUTE format('ALTER %s %s SET SCHEMA %I', CASE moved.relkind
            WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE'
            WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, moved.name, aside);
    END LOOP;
    FOR moved IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
         WHERE p.pronamespace = here
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                              AND d.deptype = 'e')
    LOOP
        EXECUTE format('ALTER ROUTINE %s SET SCHEMA %I', moved.name, aside);
    END LOOP;
END $$;
"""
# pg_restore has set `search_path` to nothing.
AFTER = r"""
SET search_path TO :"schema";
DO $$
DECLARE
    aside text := current_setting('engine.aside');
BEGIN
    IF to_regclass(format('%I.alembic_version', aside)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format($sql$
        INSERT INTO trading_states AS now (scope, state, reason, set_by, set_at)
        SELECT scope, state, reason, set_by, set_at FROM %I.trading_states WHERE state <> 'active'
        ON CONFLICT (scope) DO UPDATE SET state = excluded.state, reason = excluded.reason, set_by = excluded.set_by,
                                          set_at = excluded.set_at
         WHERE now.state = 'active' OR excluded.state = 'halted'
        $sql$, aside);
    EXECUTE format($sql$
        UPDATE api_keys k SET revoked_at = o.revoked_at FROM %I.api_keys o
         WHERE o.id = k.id AND o.revoked_at IS NOT NULL AND k.revoked_at IS NULL
        $sql$, aside);
    EXECUTE format($sql$
        INSERT INTO daily_volumes AS now (owner, day, writer, usd)
        SELECT owner, day, writer, usd FROM %I.daily_volumes
        ON CONFLICT (owner, day, writer) DO UPDATE SET usd = greatest(now.usd, excluded.usd)
        $sql$, aside);
END $$;
DO $$
DECLARE
    aside text := current_setting('engine.aside');
BEGIN
    IF to_regclass('signed_swaps') IS NOT NULL AND to_regclass(format('%I.signed_swaps', aside)) IS NOT NULL THEN
        EXECUTE format($sql$
            INSERT INTO signed_swaps (signature, chain, day, owner, usd, fee)
            SELECT signature, chain, day, owner, usd, fee FROM %I.signed_swaps ON CONFLICT DO NOTHING
            $sql$, aside);
    END IF;
END $$;
DO $$
DECLARE
    aside text := current_setting('engine.aside');
    kept text;
    columns text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['webhooks', 'dead_men'] LOOP
        CONTINUE WHEN to_regclass(kept) IS NULL OR to_regclass(format('%I.%I', aside, kept)) IS NULL;
        SELECT string_agg(quote_ident(attname), ', ') INTO columns
          FROM pg_attribute here JOIN pg_attribute there USING (attname)
         WHERE here.attrelid = kept::regclass AND there.attrelid = format('%I.%I', aside, kept)::regclass
           AND here.attnum > 0 AND NOT here.attisdropped;
        EXECUTE format('DELETE FROM %I', kept);
        EXECUTE format('INSERT INTO %1$I (%2$s) SELECT %2$s FROM %3$I.%1$I', kept, columns, aside);
    END LOOP;
    IF to_regclass('webhooks') IS NOT NULL THEN
        DELETE FROM webhook_deliveries d WHERE NOT EXISTS (SELECT FROM webhooks w WHERE w.id = d.webhook_id);
    END IF;
END $$;
-- Both in this transaction: if this program is killed after it, the engine still asks the chain.
DO $$ BEGIN
    IF to_regclass('reconciliation') IS NOT NULL THEN
        UPDATE reconciliation SET stopped_height = NULL;
    END IF;
END $$;
INSERT INTO trading_states (scope, state, reason, set_by, set_at)
VALUES ('*', 'halted', :'reason', :'by', clock_timestamp()),
       ('*reconciling', 'halted', :'reason', :'by', clock_timestamp())
ON CONFLICT (scope) DO UPDATE SET state = excluded.state, reason = excluded.reason, set_by = excluded.set_by,
                                  set_at = excluded.set_at;
INSERT INTO audit_log (action, outcome, owner, details, left_out)
VALUES ('restore', 'done', :'by', json_build_object('backupOf', :'made', 'revision', :'revision'), 0);
COMMIT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    made: str  # when the backup was
    aside: str | None  # the schema with the tables that were there; None: there were none


async def restore(dsn: str, file: Path) -> Restored:
    """Replaces the engine's tables by those in the file, migrates them, and leaves trading halted."""
    file.open("rb").close()
    async with connected(dsn) as connection, no_migration(connection, shared=False):
        replaces = await _may_replace(connection)
        programs, schema = client_programs(connection, dsn), await connection.fetchval(SCHEMA)
        made, revision = await _contents(programs, schema, file)
        aside = time.strftime("before_restore_%Y%m%d_%H%M%S", time.gmtime())
        await _replace(programs, file, schema=schema, aside=aside, made=made, revision=revision)
    await asyncio.to_thread(upgrade, dsn)
    async with connected(dsn) as connection, connection.transaction():
        await begin(connection, f"the backup of {made} was restored", actor=command_line())
    return Restored(made=made, aside=aside if replaces else None)


async def _may_replace(connection: asyncpg.Connection) -> bool:
    """Whether there are tables of the engine. SettingsError if they may not be replaced."""
    if count := await connection.fetchval(CONNECTED):
        raise SettingsError(f"the engine has {count} connections to this database: stop every API, worker and watcher.")
    if not await connection.fetchval(MIGRATED):
        return False
    row = await connection.fetchrow(READ)
    if row is not None and row["version_num"] not in known_revisions():
        raise SettingsError("a newer version has migrated this database: restore with that version.")
    return True


async def _contents(programs: ClientPrograms, schema: str, file: Path) -> tuple[str, str]:
    """When the backup was made, and the revision of its schema. SettingsError if it cannot be restored."""
    listed = await programs.run("pg_restore", "--list", file, stdout=asyncio.subprocess.PIPE)
    table = ("--data-only", f"--schema={schema}", "--table=alembic_version", "--file=-")
    rows = await programs.run("pg_restore", *table, file, stdout=asyncio.subprocess.PIPE)
    made = re.search(r"Archive created at (.+)", listed.decode())
    revision = re.search(r"^COPY .*alembic_version \(version_num\) FROM stdin;\n(\w+)$", rows.decode(), re.MULTILINE)
    if made is None or revision is None:
        raise SettingsError(f"{file} is not a backup of an engine: it has no revision in the schema {schema}.")
    if revision[1] not in known_revisions():
        raise SettingsError(
            f"{file} has revision {revision[1]}, which is newer than {known_revisions()[-1]}, the newest this engine "
            "knows: restore it with the version that made it."
        )
    return made[1], revision[1]


async def _replace(programs: ClientPrograms, file: Path, **variables: str) -> None:
    """psql runs one transaction: what pg_restore writes, between two texts of ours. The second one has the COMMIT, and
    psql gets it only after pg_restore has written everything. Without it nothing has happened.
    """
    options = ["--no-psqlrc", "--quiet", f"--dbname={programs.address}", "--set=ON_ERROR_STOP=1"]
    variables |= {"by": str(command_line().owner), "reason": REASON.format(variables["made"])}
    options += [f"--set={name}={value}" for name, value in variables.items()]
    reads = ("--no-owner", "--no-privileges", f"--schema={variables['schema']}", "--file=-", file)
    script_end, script = os.pipe()
    try:
        psql = await programs.start("psql", *options, stdin=script_end, stdout=asyncio.subprocess.DEVNULL)
    finally:
        os.close(script_end)
    try:
        try:
            complete, why_not = await _write(script, programs, reads)
        finally:
            os.close(script)
        _, refused = await psql.communicate()
    finally:
        await end(psql)
    if psql.returncode == CONNECTION_LOST:
        raise SettingsError(
            f"the connection was lost. If there is a schema {variables['aside']}, the backup is restored: run "
            "`engine migrate`. Otherwise nothing was changed: run it again."
        )
    if psql.returncode != 0 or not complete:
        # One that fails takes the other with it, which then may not say anything.
        said = [first_error(text) for text in (why_not, refused) if text] or [first_error(b"")]
        raise SettingsError(f"nothing was changed. {' '.join(said)}")


async def _write(script: int, programs: ClientPrograms, reads: Sequence[str | Path]) -> tuple[bool, bytes]:
    """Whether it was written to its end, and what pg_restore says."""
    with contextlib.suppress(BrokenPipeError):  # psql has ended, and says why
        os.write(script, BEFORE.encode())
    reader = await programs.start("pg_restore", *reads, stdout=script)
    try:
        _, errors = await reader.communicate()
    finally:
        await end(reader)
    if reader.returncode == 0:
        with contextlib.suppress(BrokenPipeError):
            os.write(script, AFTER.encode())
    return reader.returncode == 0, errors
