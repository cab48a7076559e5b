"""Webhooks, and the deliveries that have not arrived yet."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("statuses", postgresql.ARRAY(sa.Text()), comment="events with these are sent; NULL: all"),
        sa.Column("salt", sa.LargeBinary(), nullable=False, comment="the secret is made of it and of ENGINE_SECRET"),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the secret, which is not stored"),
        sa.Column("previous_salt", sa.LargeBinary(), comment="of the secret before, which signs too for a while"),
        sa.Column("previous_until", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), comment="its deliveries go first, then the row"),
        sa.Column("disabled_at", sa.DateTime(timezone=True), comment="switched off: no event is sent, or kept for it"),
        sa.Column("disabled_why", sa.Text()),
        sa.Column("failing_since", sa.DateTime(timezone=True), comment="the first failure since the last success"),
        sa.Column("delivered_at", sa.DateTime(timezone=True), comment="the last success"),
        sa.Column("failed_at", sa.DateTime(timezone=True), comment="the last failure"),
        sa.Column("last_error", sa.Text()),
        sa.Column("served_by", sa.Uuid(), comment="the watcher that sends to it now"),
        sa.Column("served_until", sa.DateTime(timezone=True), comment="no other watcher sends to it before"),
        sa.PrimaryKeyConstraint("id", name=op.f("webhooks_pkey")),
    )
    op.create_index("webhooks_by_owner", "webhooks", ["owner"])
    op.create_table(
        "webhook_deliveries",
        sa.Column(
            "id",
            sa.Uuid(),
            server_default=sa.text("gen_random_uuid()"),
            nullable=False,
            comment="of the message, the same in each attempt",
        ),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), comment="NULL: a test"),
        sa.Column("seq", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), comment="the first attempt"),
        sa.Column("given_up_at", sa.DateTime(timezone=True), comment="it is not tried any more, unless it is replayed"),
        sa.Column("error", sa.Text(), comment="of the last attempt"),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_deliveries_pkey")),
    )
    op.create_index(
        "webhook_deliveries_due",
        "webhook_deliveries",
        ["webhook_id", "due_at", "seq"],
        postgresql_where=sa.text("given_up_at IS NULL"),
    )
    op.create_index("webhook_deliveries_by_order", "webhook_deliveries", ["webhook_id", "order_id", "seq"])
    op.create_index(
        "webhook_deliveries_given_up",
        "webhook_deliveries",
        ["webhook_id", "given_up_at"],
        postgresql_where=sa.text("given_up_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
