"""Orders that are executed in slices, at intervals."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("slices", sa.Integer(), nullable=False),
        sa.Column("every_seconds", sa.Integer(), nullable=False),
        sa.Column("on_miss", sa.Text(), nullable=False),
        sa.Column("band_min", sa.Numeric(38, 18)),
        sa.Column("band_max", sa.Numeric(38, 18)),
        sa.Column("next_slice", sa.Integer(), server_default="1", nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("plans_pkey")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("plans_order_id_fkey"), ondelete="CASCADE"),
        sa.CheckConstraint("on_miss IN ('extend', 'skip', 'catch_up')", name=op.f("plans_on_miss_known")),
    )
    op.create_index("plans_due", "plans", ["next_at"])
    op.create_index("orders_by_parent", "orders", ["parent_id"], postgresql_where=sa.text("parent_id IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("orders_by_parent", table_name="orders")
    op.drop_table("plans")
