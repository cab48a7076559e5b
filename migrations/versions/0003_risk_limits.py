"""Risk limits: the value of orders, per order and per owner and day."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OF_AN_ORDER = (
    ("usd_value", sa.Numeric(36, 0), "of amount_in when the order was accepted, in millionths of a dollar"),
    ("max_order_usd", sa.BigInteger(), "limit of the key that placed it; NULL: that of all callers"),
)
OF_A_KEY = (
    ("max_order_usd", sa.BigInteger(), "most dollars in one order; 0: no limit; NULL: MAX_ORDER_USD"),
    ("max_daily_usd", sa.BigInteger(), "the same for one UTC day of the owner; NULL: MAX_DAILY_USD"),
)


def upgrade() -> None:
    for table, columns in (("orders", OF_AN_ORDER), ("api_keys", OF_A_KEY)):
        for name, kind, comment in columns:
            op.add_column(table, sa.Column(name, kind, comment=comment))
    op.create_table(
        "daily_volumes",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("writer", sa.Uuid(), nullable=False, comment="the API process that accepted the orders"),
        sa.Column("usd", sa.Numeric(36, 0), nullable=False, comment="value of the orders, in millionths of a dollar"),
        sa.PrimaryKeyConstraint("owner", "day", "writer", name=op.f("daily_volumes_pkey")),
    )


def downgrade() -> None:
    op.drop_table("daily_volumes")
    for table, columns in (("orders", OF_AN_ORDER), ("api_keys", OF_A_KEY)):
        for name, _, _ in columns:
            op.drop_column(table, name)
