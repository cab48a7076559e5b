"""Webhooks: where events are sent, and the deliveries that have not arrived yet."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.schema.base import metadata

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("statuses", pg.ARRAY(sa.Text), comment="events with these are sent; NULL: all"),
    sa.Column("salt", sa.LargeBinary, nullable=False, comment="the secret is made of it and of ENGINE_SECRET"),
    sa.Column("digest", sa.LargeBinary, nullable=False, comment="SHA-256 of the secret, which is not stored"),
    sa.Column("previous_salt", sa.LargeBinary, comment="of the secret before, which signs too for a while"),
    sa.Column("previous_until", sa.DateTime(timezone=True)),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("deleted_at", sa.DateTime(timezone=True), comment="its deliveries go first, then the row"),
    sa.Column("disabled_at", sa.DateTime(timezone=True), comment="switched off: no event is sent, or kept for it"),
    sa.Column("disabled_why", sa.Text),
    sa.Column("failing_since", sa.DateTime(timezone=True), comment="the first failure since the last success"),
    sa.Column("delivered_at", sa.DateTime(timezone=True), comment="the last success"),
    sa.Column("failed_at", sa.DateTime(timezone=True), comment="the last failure"),
    sa.Column("last_error", sa.Text),
    sa.Column("served_by", sa.Uuid, comment="the watcher that sends to it now"),
    sa.Column("served_until", sa.DateTime(timezone=True), comment="no other watcher sends to it before"),
    sa.Column(
        "hurried_at",
        sa.DateTime(timezone=True),
        comment="NULL, or what waits is made due before anything more is sent",
    ),
    sa.Column("replayed_at", sa.DateTime(timezone=True), comment="and before that what was given up until then"),
)
sa.Index("webhooks_by_owner", webhooks.c.owner)

# One row for each event and webhook, written by the statement that logs the event; a delivered one is deleted.
webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column(
        "id",
        sa.Uuid,
        primary_key=True,
        server_default=sa.text("gen_random_uuid()"),
        comment="of the message, the same in each attempt",
    ),
    # No foreign key: each event would lock the row of its webhook.
    sa.Column("webhook_id", sa.Uuid, nullable=False),
    sa.Column("order_id", sa.Uuid, comment="NULL: a test"),
    sa.Column("seq", sa.Integer),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("first_at", sa.DateTime(timezone=True), comment="the first attempt"),
    sa.Column("given_up_at", sa.DateTime(timezone=True), comment="it is not tried any more, unless it is replayed"),
    sa.Column("error", sa.Text, comment="of the last attempt"),
)
sa.Index(
    "webhook_deliveries_due",
    webhook_deliveries.c.webhook_id,
    webhook_deliveries.c.due_at,
    webhook_deliveries.c.seq,
    postgresql_where=webhook_deliveries.c.given_up_at.is_(None),
)
sa.Index(
    "webhook_deliveries_by_order",
    webhook_deliveries.c.webhook_id,
    webhook_deliveries.c.order_id,
    webhook_deliveries.c.seq,
)
sa.Index(
    "webhook_deliveries_given_up",
    webhook_deliveries.c.webhook_id,
    webhook_deliveries.c.given_up_at,
    postgresql_where=webhook_deliveries.c.given_up_at.is_not(None),
)
