"""A column's comment: the floor of a market order is fixed by its first signed swap."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BEFORE = "minimum amount out: fixed at the first build, never lowered"
AFTER = "minimum amount out; of a market order fixed by its first signed swap, and never lowered"


def upgrade() -> None:
    op.alter_column("orders", "floor_out", comment=AFTER, existing_comment=BEFORE)


def downgrade() -> None:
    op.alter_column("orders", "floor_out", comment=BEFORE, existing_comment=AFTER)
