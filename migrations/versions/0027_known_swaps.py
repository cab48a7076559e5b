"""How far back the swaps of the chain are known, while the engine reconciles."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

COMMENT = "all swaps are known that landed before; NULL: as far as the last fill"


def upgrade() -> None:
    op.add_column("reconciliation", sa.Column("known_until", sa.DateTime(timezone=True), comment=COMMENT))
    # While it goes on, or somebody is halted because of it, what is known cannot be told: all are looked at.
    halted = "EXISTS (SELECT FROM trading_states WHERE state = 'halted')"
    op.execute(f"UPDATE reconciliation SET known_until = '-infinity' WHERE {halted}")


def downgrade() -> None:
    op.drop_column("reconciliation", "known_until")
