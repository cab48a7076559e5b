"""The newest slot of each pair, so that none is recorded after a later one; since when prices count for a trailing stop
that does not follow the price yet; and one that its group holds may begin to.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TIME_IN_FORCE = "gtc, gtd or ioc; NULL: "


def _index_start(where: str) -> None:
    op.drop_index("triggers_start", table_name="triggers")
    op.create_index("triggers_start", "triggers", ["feed", "persist", "level"], postgresql_where=sa.text(where))


def _describe_time_in_force(before: str, after: str) -> None:
    op.alter_column("orders", "time_in_force", comment=TIME_IN_FORCE + after, existing_comment=TIME_IN_FORCE + before)


def upgrade() -> None:
    op.create_table(
        "newest_slots",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("feed", name=op.f("newest_slots_pkey")),
    )
    op.execute("INSERT INTO newest_slots SELECT DISTINCT ON (feed) feed, slot, at FROM prices ORDER BY feed, slot DESC")
    op.add_column(
        "triggers",
        sa.Column(
            "since",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="start: an older price does not count",
        ),
    )
    _index_start("op = 'start'")
    _describe_time_in_force("a market order", "a slice, or a market order of before")


def downgrade() -> None:
    _describe_time_in_force("a slice, or a market order of before", "a market order")
    _index_start("armed AND op = 'start'")
    op.drop_column("triggers", "since")
    op.drop_table("newest_slots")
