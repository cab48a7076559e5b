"""The kill switch."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trading_states",
        sa.Column("scope", sa.Text(), nullable=False, comment="an owner, or * for all owners"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False, comment="the owner of the key that set it"),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("trading_states_pkey")),
        sa.CheckConstraint("state IN ('active', 'reducing', 'halted')", name=op.f("trading_states_state_known")),
    )


def downgrade() -> None:
    op.drop_table("trading_states")
