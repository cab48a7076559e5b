"""The dead man's switch: an owner who does not renew it has all orders cancelled."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dead_men",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False, comment="0: it is off"),
        sa.Column("cancels_at", sa.DateTime(timezone=True), comment="unless it is renewed; NULL: it is off"),
        sa.Column("fired_at", sa.DateTime(timezone=True), comment="when it last cancelled"),
        sa.Column("cancelled", sa.Integer(), comment="how many orders, then"),
        sa.PrimaryKeyConstraint("owner", name=op.f("dead_men_pkey")),
    )
    op.create_index("dead_men_due", "dead_men", ["cancels_at"], postgresql_where=sa.text("cancels_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_table("dead_men")
