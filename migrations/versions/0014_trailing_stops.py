"""Trailing stops: the highest price that they have seen, one row for all that have seen the same."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _set_ops(*ops: str) -> None:
    op.drop_constraint(op.f("triggers_op_known"), "triggers", type_="check")
    known = ", ".join(f"'{each}'" for each in ops)
    op.execute(f"ALTER TABLE triggers ADD CONSTRAINT triggers_op_known CHECK (op IN ({known})) NOT VALID")
    op.execute("ALTER TABLE triggers VALIDATE CONSTRAINT triggers_op_known")


COMMENTS = (  # of `triggers`: column, before, after
    (
        "op",
        "ge or le: how the price has to lie to the level; or launch",
        "ge or le: how the price has to lie to the level; launch; start: it then follows the price; trail",
    ),
    (
        "base_level",
        "of a launch the limit price",
        "of a launch the limit price; start: the highest price it has seen",
    ),
)


def upgrade() -> None:
    for column, before, after in COMMENTS:
        op.alter_column("triggers", column, comment=after, existing_comment=before)
    op.add_column(
        "orders",
        sa.Column("extreme", sa.Numeric(38, 18), comment="the highest price that a trailing stop had seen as it fired"),
    )
    op.create_table(
        "watermarks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("persist", sa.SmallInteger(), nullable=False),
        sa.Column("extreme", sa.Numeric(38, 18), nullable=False),
        sa.Column(
            "slot", sa.BigInteger(), nullable=False, comment="up to which recorded prices are part of the extreme"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("watermarks_pkey")),
    )
    op.create_index("watermarks_by_extreme", "watermarks", ["feed", "persist", "extreme"])
    op.add_column(
        "triggers",
        sa.Column("trail_bps", sa.Integer(), comment="of a trailing stop: so far below its extreme it fires"),
    )
    op.add_column("triggers", sa.Column("watermark", sa.BigInteger(), comment="which has the extreme"))
    op.create_foreign_key(op.f("triggers_watermark_fkey"), "triggers", "watermarks", ["watermark"], ["id"])
    _set_ops("ge", "le", "launch", "start", "trail")
    op.create_index(
        "triggers_start",
        "triggers",
        ["feed", "persist", "level"],
        postgresql_where=sa.text("armed AND op = 'start'"),
    )
    op.create_index(
        "triggers_trail", "triggers", ["watermark", "trail_bps"], postgresql_where=sa.text("watermark IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("triggers_trail", table_name="triggers")
    op.drop_index("triggers_start", table_name="triggers")
    op.execute("DELETE FROM triggers WHERE op IN ('start', 'trail')")
    _set_ops("ge", "le", "launch")
    op.drop_column("triggers", "watermark")
    op.drop_column("triggers", "trail_bps")
    op.drop_table("watermarks")
    op.drop_column("orders", "extreme")
    for column, before, after in COMMENTS:
        op.alter_column("triggers", column, comment=before, existing_comment=after)
