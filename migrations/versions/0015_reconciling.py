"""Reconciling with the chain: which database this is, and swaps of which it does not know the order."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconciliation",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False, comment="there is one row"),
        sa.Column("identity", sa.Text(), nullable=False, comment="system identifier, database and timeline"),
        sa.Column(
            "stopped_height",
            sa.BigInteger(),
            comment="a height of the chain after the starts had stopped; NULL: not read yet",
        ),
        sa.PrimaryKeyConstraint("one", name=op.f("reconciliation_pkey")),
        sa.CheckConstraint("one", name=op.f("reconciliation_is_one")),
    )
    op.create_table(
        "lost_swaps",
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False, comment="as the memo says"),
        sa.Column("tag", sa.Text(), comment="of the owner and the idempotency key: see app/orders/memo.py"),
        sa.Column("status", sa.Text(), comment="that the order had here; NULL: there was no such order"),
        sa.Column("venue", sa.Text()),
        sa.Column("token_in", sa.Text()),
        sa.Column("token_out", sa.Text()),
        sa.Column("amount_in", sa.Numeric(20, 0)),
        sa.Column("amount_out", sa.Numeric(20, 0), nullable=False),
        sa.Column("landed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filling", postgresql.JSON(), comment="what it brings to an order that it fills"),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("adopted_by", sa.Uuid(), comment="the order with the same key that it has filled since"),
        sa.PrimaryKeyConstraint("signature", name=op.f("lost_swaps_pkey")),
    )
    op.create_index(
        "lost_swaps_by_tag", "lost_swaps", ["tag"], postgresql_where=sa.text("tag IS NOT NULL AND adopted_by IS NULL")
    )


def downgrade() -> None:
    op.drop_table("lost_swaps")
    op.drop_table("reconciliation")
    op.execute("DELETE FROM trading_states WHERE scope = '*reconciling'")
