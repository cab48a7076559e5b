"""The chain that each order is for."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "orders", sa.Column("chain", sa.Text(), comment="genesis hash of the chain it is for; NULL: the simulated one")
    )


def downgrade() -> None:
    op.drop_column("orders", "chain")
