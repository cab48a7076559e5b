"""Reconciling with the chain, after the database lost its newest writes. It stands beside a row of `trading_states`."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.schema.base import BaseUnits, metadata

reconciliation = sa.Table(
    "reconciliation",
    metadata,
    sa.Column(
        "one", sa.Boolean, primary_key=True, server_default=sa.text("true"), nullable=False, comment="there is one row"
    ),
    sa.Column("identity", sa.Text, nullable=False, comment="system identifier, database and timeline"),
    sa.Column(
        "stopped_height",
        sa.BigInteger,
        comment="a height of the chain after the starts had stopped; NULL: not read yet",
    ),
    sa.Column("waits_for", sa.Text, comment="what its end waits for"),
    sa.Column("worker", sa.Text, comment="which asks the chain now, so that the others do not"),
    sa.Column("worker_until", sa.DateTime(timezone=True), comment="then another one takes over"),
    sa.Column(
        "orders_oid",
        sa.BigInteger,
        comment="of the table of orders, which a restore makes anew; NULL: not read yet",
    ),
    sa.CheckConstraint("one", name="is_one"),
)

# Unmatched swaps: they landed, and no order here was filled by them.
lost_swaps = sa.Table(
    "lost_swaps",
    metadata,
    sa.Column("signature", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False, comment="as the memo says"),
    sa.Column("tag", sa.Text, comment="of the owner and the idempotency key: see app/orders/memo.py"),
    sa.Column("status", sa.Text, comment="that the order had here; NULL: there was no such order"),
    sa.Column("venue", sa.Text),
    sa.Column("token_in", sa.Text),
    sa.Column("token_out", sa.Text),
    sa.Column("amount_in", BaseUnits),
    sa.Column("amount_out", BaseUnits, nullable=False),
    sa.Column("landed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("filling", pg.JSON, comment="what it brings to an order that it fills"),
    sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("adopted_by", sa.Uuid, comment="the order with the same key that it has filled since"),
)
sa.Index(
    "lost_swaps_by_tag",
    lost_swaps.c.tag,
    postgresql_where=sa.and_(lost_swaps.c.tag.is_not(None), lost_swaps.c.adopted_by.is_(None)),
)
