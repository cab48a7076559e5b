"""Orders and their events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UNDER_WAY = "status IN ('building', 'pending', 'routing', 'submitted')"
KNOWN = "status IN ('building', 'cancelled', 'confirmed', 'failed', 'pending', 'routing', 'submitted')"


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("token_in", sa.Text(), nullable=False),
        sa.Column("token_out", sa.Text(), nullable=False),
        sa.Column("amount_in", sa.Numeric(20, 0), nullable=False),
        sa.Column("slippage_bps", sa.Integer(), nullable=False),
        sa.Column("min_amount_out", sa.Numeric(20, 0)),
        sa.Column("max_price_impact_bps", sa.Integer()),
        sa.Column("venues", postgresql.ARRAY(sa.Text())),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("client_order_id", sa.Text()),
        sa.Column("retry_of", sa.Uuid(), comment="the dead letter that this order retries"),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False, comment="hash of the normalised request body"),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False, comment="number of its last event"),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False, comment="attempts begun"),
        sa.Column("error", sa.Text()),
        sa.Column("code", sa.Text()),
        sa.Column(
            "floor_out", sa.Numeric(20, 0), comment="minimum amount out: fixed at the first build, never lowered"
        ),
        sa.Column("swap", postgresql.JSON(), comment="the signed swap: sent again as it is, never signed twice"),
        sa.Column("tx_hash", sa.Text()),
        sa.Column("dex", sa.Text()),
        sa.Column("executed_price", sa.Numeric()),
        sa.Column("amount_out", sa.Numeric(20, 0)),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False, comment="starts since the last progress"),
        sa.Column(
            "fence",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="raised by each claim; older writes are refused",
        ),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=False, comment="position in the queue"),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=False, comment="when the sweeper checks it next"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "acknowledged_at", sa.DateTime(timezone=True), comment="when an operator acknowledged the dead letter"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("orders_pkey")),
        sa.CheckConstraint(KNOWN, name=op.f("orders_status_known")),
        sa.CheckConstraint("amount_in BETWEEN 1 AND 18446744073709551615", name=op.f("orders_amount_in_range")),
        sa.CheckConstraint("slippage_bps BETWEEN 0 AND 10000", name=op.f("orders_slippage_range")),
        sa.CheckConstraint(
            "status <> 'confirmed' OR (tx_hash IS NOT NULL AND amount_out IS NOT NULL)",
            name=op.f("orders_confirmed_has_fill"),
        ),
    )
    op.create_index(
        "orders_one_per_key",
        "orders",
        ["owner", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index("orders_by_owner", "orders", ["owner", "created_at", "id"])
    op.create_index("orders_by_owner_status", "orders", ["owner", "status", "created_at", "id"])
    op.create_index("orders_to_look_at", "orders", ["look_at", "id"], postgresql_where=sa.text(UNDER_WAY))
    op.create_index(
        "orders_dead_letters",
        "orders",
        ["updated_at", "id"],
        postgresql_where=sa.text("status = 'failed' AND acknowledged_at IS NULL"),
    )
    op.create_table(
        "order_events",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("details", postgresql.JSON(), comment="all other fields of the event, exactly as published"),
        sa.PrimaryKeyConstraint("order_id", "seq", name=op.f("order_events_pkey")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("order_events_order_id_fkey"), ondelete="CASCADE"
        ),
    )
    op.create_index(
        "order_events_at",
        "order_events",
        ["at"],
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 16, "autosummarize": True},
    )
    op.execute(
        """
        CREATE FUNCTION refuse_order_move() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'an order cannot go from % to %', OLD.status, NEW.status
                USING ERRCODE = 'check_violation';
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER orders_legal_moves BEFORE UPDATE OF status ON orders FOR EACH ROW
        WHEN (OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
            ('pending', 'routing'), ('pending', 'failed'), ('pending', 'cancelled'),
            ('routing', 'building'), ('routing', 'pending'), ('routing', 'failed'), ('routing', 'cancelled'),
            ('building', 'submitted'), ('building', 'pending'), ('building', 'failed'), ('building', 'cancelled'),
            ('submitted', 'confirmed'), ('submitted', 'pending'), ('submitted', 'failed')))
        EXECUTE FUNCTION refuse_order_move()
        """
    )


def downgrade() -> None:
    op.drop_table("order_events")
    op.drop_table("orders")
    op.execute("DROP FUNCTION refuse_order_move()")
