"""What reconciling waits for, and which worker does it; the tag of a group's key on each of its orders."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

FENCE = "changed by each claim; writes with another one are refused"
FENCE_BEFORE = "raised by each claim; older writes are refused"


def upgrade() -> None:
    op.add_column("reconciliation", sa.Column("waits_for", sa.Text(), comment="what its end waits for"))
    op.add_column(
        "reconciliation", sa.Column("worker", sa.Text(), comment="which asks the chain now, so that the others do not")
    )
    op.add_column(
        "reconciliation",
        sa.Column("worker_until", sa.DateTime(timezone=True), comment="then another one takes over"),
    )
    op.add_column(
        "orders",
        sa.Column(
            "tag", sa.Text(), comment="of its group's key, for the memo of its swap; NULL: that of its own key, if any"
        ),
    )
    op.alter_column("orders", "fence", comment=FENCE, existing_comment=FENCE_BEFORE)


def downgrade() -> None:
    op.alter_column("orders", "fence", comment=FENCE_BEFORE, existing_comment=FENCE)
    op.drop_column("orders", "tag")
    for column in ("worker_until", "worker", "waits_for"):
        op.drop_column("reconciliation", column)
