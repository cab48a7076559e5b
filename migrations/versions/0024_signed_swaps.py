"""What was signed today on a real chain: one row per signature. The swaps of today are read from the log once."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# A slice has its part of the value of its parent. What they may pay in fees is not in the log: the most that a
# transaction paid by default.
FROM_LOG = """
INSERT INTO signed_swaps (signature, chain, day, owner, usd, fee)
SELECT DISTINCT ON (e.details ->> 'txHash') e.details ->> 'txHash', o.chain, (e.at AT TIME ZONE 'UTC')::date, o.owner,
       coalesce(o.usd_value, div(p.usd_value * o.amount_in, p.amount_in), 0), 105000
  FROM order_events e JOIN orders o ON o.id = e.order_id LEFT JOIN orders p ON p.id = o.parent_id
 WHERE e.status = 'submitted' AND e.at >= (now() AT TIME ZONE 'UTC')::date::timestamp AT TIME ZONE 'UTC'
   AND o.chain IS NOT NULL AND e.details ->> 'txHash' IS NOT NULL
"""


def upgrade() -> None:
    op.create_table(
        "signed_swaps",
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False, comment="its genesis hash"),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False, comment="empty: of an order that this database has forgotten"),
        sa.Column("usd", sa.Numeric(36, 0), nullable=False, comment="value when signed, in millionths of a dollar"),
        sa.Column("fee", sa.BigInteger(), nullable=False, comment="most that it pays in fees, in lamports"),
        sa.PrimaryKeyConstraint("signature", name=op.f("signed_swaps_pkey")),
    )
    op.create_index("signed_swaps_by_day", "signed_swaps", ["chain", "day"], postgresql_include=["owner", "usd", "fee"])
    op.execute(FROM_LOG)


def downgrade() -> None:
    op.drop_table("signed_swaps")
