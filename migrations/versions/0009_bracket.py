"""Groups with an entry, whose fill arms the other orders."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "order_groups",
        sa.Column("entry", sa.Uuid(), comment="the order whose fill arms the others; it is the first holder"),
    )


def downgrade() -> None:
    op.drop_column("order_groups", "entry")
