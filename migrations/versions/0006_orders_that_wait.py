"""Orders that wait for a condition: what they wait for, and the prices that may fire them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KNOWN_BEFORE = "status IN ('building', 'cancelled', 'confirmed', 'failed', 'pending', 'routing', 'submitted')"
KNOWN = (
    "status IN ('building', 'cancelled', 'completed', 'confirmed', 'expired', 'failed', 'open', 'pending', "
    "'routing', 'submitted')"
)
MOVES_BEFORE = """
    ('pending', 'routing'), ('pending', 'failed'), ('pending', 'cancelled'),
    ('routing', 'building'), ('routing', 'pending'), ('routing', 'failed'), ('routing', 'cancelled'),
    ('building', 'submitted'), ('building', 'pending'), ('building', 'failed'), ('building', 'cancelled'),
    ('submitted', 'confirmed'), ('submitted', 'pending'), ('submitted', 'failed')
"""
MOVES = f"""{MOVES_BEFORE},
    ('open', 'pending'), ('open', 'failed'), ('open', 'cancelled'), ('open', 'expired'), ('open', 'completed'),
    ('pending', 'open'), ('pending', 'expired'), ('routing', 'open'), ('routing', 'expired'),
    ('building', 'open'), ('building', 'expired'),
    ('submitted', 'open'), ('submitted', 'expired'), ('submitted', 'cancelled')
"""


def _of_an_order() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("limit_price", sa.Numeric(), comment="as the client said it: tokens out for one token in"),
        sa.Column("limit_out", sa.Numeric(20, 0), comment="the least the fill may bring; NULL: a market order"),
        sa.Column("condition", postgresql.JSON(), comment="what it waits for, as the client said it"),
        sa.Column("time_in_force", sa.Text(), comment="gtc, gtd or ioc; NULL: a market order"),
        sa.Column("parent_id", sa.Uuid(), comment="the order that this one is a slice of"),
        sa.Column("slice", sa.Integer(), comment="its number among the slices"),
        sa.Column("group_id", sa.Uuid(), comment="the group that this order is a leg of"),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("rearms", sa.Integer(), server_default="0", nullable=False, comment="how often it went back to open"),
    )


def _set_statuses(known: str, moves: str) -> None:
    op.drop_constraint(op.f("orders_status_known"), "orders", type_="check")
    # Validated apart: the scan of old rows then does not keep others from writing.
    op.execute(f"ALTER TABLE orders ADD CONSTRAINT orders_status_known CHECK ({known}) NOT VALID")
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT orders_status_known")
    op.execute(
        f"""
        CREATE OR REPLACE TRIGGER orders_legal_moves BEFORE UPDATE OF status ON orders FOR EACH ROW
        WHEN (OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN ({moves}))
        EXECUTE FUNCTION refuse_order_move()
        """
    )


def upgrade() -> None:
    for column in _of_an_order():
        op.add_column("orders", column)
    _set_statuses(KNOWN, MOVES)
    op.create_index(
        "orders_open_expiring",
        "orders",
        ["expires_at"],
        postgresql_where=sa.text("status = 'open' AND expires_at IS NOT NULL"),
    )
    op.create_table(
        "triggers",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("order_type", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False, comment="token_in/token_out"),
        sa.Column("op", sa.Text(), nullable=False, comment="ge or le: how the price has to lie to the level"),
        sa.Column(
            "persist",
            sa.SmallInteger(),
            nullable=False,
            comment="for how many recorded slots in a row; 0: compared with the best mid, then quoted at its size",
        ),
        sa.Column("level", sa.Numeric(38, 18), nullable=False, comment="further away while a limit is put aside"),
        sa.Column("base_level", sa.Numeric(38, 18), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), comment="not fired before; level is base_level again then"),
        sa.Column("armed", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("group_id", sa.Uuid()),
        sa.Column("rank", sa.SmallInteger(), server_default="0", nullable=False, comment="the lowest of a group wins"),
        sa.PrimaryKeyConstraint("order_id", name=op.f("triggers_pkey")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("triggers_order_id_fkey"), ondelete="CASCADE"),
        sa.CheckConstraint("op IN ('ge', 'le')", name=op.f("triggers_op_known")),
    )
    for side in ("ge", "le"):
        op.create_index(
            f"triggers_{side}",
            "triggers",
            ["feed", "persist", "level"],
            postgresql_where=sa.text(f"armed AND op = '{side}'"),
        )
    op.create_index("triggers_to_look_at", "triggers", ["look_at"], postgresql_where=sa.text("look_at IS NOT NULL"))
    op.create_index("triggers_by_group", "triggers", ["group_id"], postgresql_where=sa.text("group_id IS NOT NULL"))
    op.create_table(
        "prices",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("best", sa.Numeric(38, 18), nullable=False, comment="the best venue's mid"),
        sa.Column("low", sa.Numeric(38, 18), nullable=False, comment="what levels to be risen to are compared with"),
        sa.Column("high", sa.Numeric(38, 18), nullable=False, comment="what levels to be fallen to are compared with"),
        sa.Column("venues", sa.Integer(), nullable=False, comment="how many had a price"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("feed", "slot", name=op.f("prices_pkey")),
    )
    op.create_index("prices_at", "prices", ["at"], postgresql_using="brin")


def downgrade() -> None:
    op.drop_table("prices")
    op.drop_table("triggers")
    op.drop_index("orders_open_expiring", table_name="orders")
    _set_statuses(KNOWN_BEFORE, MOVES_BEFORE)
    for column in _of_an_order():
        op.drop_column("orders", column.name)
