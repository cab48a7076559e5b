"""Vacuum the triggers after a few thousand were fired, and not only after a fifth of them: each slot looks at the levels
next to the price, and walks over the entries of all that were fired there."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE triggers SET (autovacuum_vacuum_scale_factor = 0.002, autovacuum_vacuum_threshold = 1000)")


def downgrade() -> None:
    op.execute("ALTER TABLE triggers RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)")
