"""Groups of orders of which one may be filled."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "order_groups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("holder", sa.Uuid(), comment="the leg that has fired; the others are held meanwhile"),
        sa.Column("settled", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment="a leg was filled"),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False, comment="hash of the normalised request body"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("order_groups_pkey")),
    )
    op.create_index(
        "order_groups_one_per_key",
        "order_groups",
        ["owner", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index(
        "order_groups_held", "order_groups", ["holder"], postgresql_where=sa.text("holder IS NOT NULL AND NOT settled")
    )
    op.create_index("orders_by_group", "orders", ["group_id"], postgresql_where=sa.text("group_id IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("orders_by_group", table_name="orders")
    op.drop_table("order_groups")
