"""Prices of a week, and the queue's last hour, for charts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "price_samples",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pair", sa.Text(), nullable=False, comment="two symbols in alphabetical order"),
        sa.Column(
            "mids",
            postgresql.JSON(),
            nullable=False,
            comment="of each venue: tokens of the second symbol for one of the first",
        ),
        sa.PrimaryKeyConstraint("at", "pair", name=op.f("price_samples_pkey")),
    )
    op.create_table(
        "queue_samples",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting", sa.Integer(), comment="NULL, as the next two: Redis was down"),
        sa.Column("running", sa.Integer()),
        sa.Column("workers", sa.Integer()),
        sa.Column("confirmed", sa.Integer(), nullable=False, comment="in the minute before"),
        sa.Column("p50_ms", sa.Float(), comment="of these, from accepted to confirmed; NULL: there were none"),
        sa.Column("p99_ms", sa.Float()),
        sa.PrimaryKeyConstraint("at", name=op.f("queue_samples_pkey")),
    )


def downgrade() -> None:
    op.drop_table("queue_samples")
    op.drop_table("price_samples")
