"""A function that locks days of owners and then looks: a statement by itself sees only what was before it began."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One lock for each owner, until the transaction ends; all processes take them in the order of the owners. A process
    # that waits for one for too long gives up.
    op.execute(
        """
        CREATE FUNCTION lock_days(owners text[]) RETURNS TABLE (owner text, used numeric, stopped boolean)
        LANGUAGE plpgsql AS $$
        #variable_conflict use_column
        BEGIN
            PERFORM set_config('lock_timeout', '2s', true);
            PERFORM pg_advisory_xact_lock(28517, hashtext(name))
               FROM (SELECT name FROM unnest(owners) AS name ORDER BY name COLLATE "C") AS sorted;
            RETURN QUERY
            SELECT name, (SELECT coalesce(sum(d.usd), 0) FROM daily_volumes d
                           WHERE d.owner = name AND d.day = (now() AT TIME ZONE 'UTC')::date),
                   EXISTS (SELECT FROM trading_states t WHERE t.scope IN ('*', name) AND t.state <> 'active')
              FROM unnest(owners) AS name;
        END $$
        """
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION lock_days(text[])")
