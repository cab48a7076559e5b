"""Whether a statement has reached the database that the engine knows, or one that took its place.

Each new connection is compared (`app/orders/reconciling/state.py`). But a pooler that keeps the connections of its
clients may lead them to another server between two transactions: to a standby that was promoted, and may be behind. So
the statements that start, send and end orders compare too, themselves. It takes some microseconds, once a statement.
"""

# The timeline is that of the WAL file which is written now: it changes with each promotion and recovery to a point.
# A standby writes none.
TIMELINE = "CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END"
SYSTEM = "(SELECT system_identifier FROM pg_control_system())"

# Between both is the number of the database, which no pooler changes.
IS_ANOTHER = f"""EXISTS (SELECT FROM reconciliation
                         WHERE one AND (identity LIKE {SYSTEM} || '/%/' || {TIMELINE}) IS NOT TRUE)"""
