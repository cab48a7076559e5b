"""Orders and their events."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.orders.lifecycle import UNDER_WAY, Status, sql_list
from app.schema.base import BaseUnits, UsdValue, metadata

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    # The request; never changes.
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("token_in", sa.Text, nullable=False),
    sa.Column("token_out", sa.Text, nullable=False),
    sa.Column("amount_in", BaseUnits, nullable=False),
    sa.Column("slippage_bps", sa.Integer, nullable=False),
    sa.Column("min_amount_out", BaseUnits),
    sa.Column("max_price_impact_bps", sa.Integer),
    sa.Column("venues", pg.ARRAY(sa.Text)),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.Column("client_order_id", sa.Text),
    sa.Column("retry_of", sa.Uuid, comment="the dead letter that this order retries"),
    sa.Column("usd_value", UsdValue, comment="of amount_in when the order was accepted, in millionths of a dollar"),
    sa.Column("max_order_usd", sa.BigInteger, comment="limit of the key that placed it; NULL: that of all callers"),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="hash of the normalised request body"),
    sa.Column("request_id", sa.Text, nullable=False),
    # For an order that waits.
    sa.Column("limit_price", sa.Numeric, comment="as the client said it: tokens out for one token in"),
    sa.Column("limit_out", BaseUnits, comment="the least the fill may bring; NULL: a market order"),
    sa.Column("condition", pg.JSON, comment="what it waits for, as the client said it"),
    sa.Column("extreme", sa.Numeric(38, 18), comment="the highest price that a trailing stop had seen as it fired"),
    sa.Column("time_in_force", sa.Text, comment="gtc, gtd or ioc; NULL: a slice, or a market order of before"),
    sa.Column("parent_id", sa.Uuid, comment="the order that this one is a slice of"),
    sa.Column("slice", sa.Integer, comment="its number among the slices"),
    sa.Column("group_id", sa.Uuid, comment="the group that this order is a leg of"),
    sa.Column("chain", sa.Text, comment="genesis hash of the chain it is for; NULL: the simulated one"),
    sa.Column(
        "tag", sa.Text, comment="of its group's key, for the memo of its swap; NULL: that of its own key, if any"
    ),
    # The progress; changed by one guarded statement.
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False, comment="number of its last event"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0", comment="attempts begun"),
    sa.Column("error", sa.Text),
    sa.Column("code", sa.Text),
    sa.Column(
        "floor_out",
        BaseUnits,
        comment="minimum amount out; of a market order fixed by its first signed swap, and never lowered",
    ),
    sa.Column("swap", pg.JSON, comment="the signed swap: sent again as it is, never signed twice"),
    sa.Column("tx_hash", sa.Text),
    sa.Column("dex", sa.Text),
    sa.Column("executed_price", sa.Numeric),
    sa.Column("amount_out", BaseUnits),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("rearms", sa.Integer, nullable=False, server_default="0", comment="how often it went back to open"),
    # Which worker owns it, and when the sweeper checks it.
    sa.Column("claims", sa.Integer, nullable=False, server_default="0", comment="starts since the last progress"),
    sa.Column(
        "fence",
        sa.Integer,
        nullable=False,
        server_default="0",
        comment="changed by each claim; writes with another one are refused",
    ),
    sa.Column("lease_until", sa.DateTime(timezone=True)),
    sa.Column("ready_at", sa.DateTime(timezone=True), nullable=False, comment="position in the queue"),
    sa.Column("look_at", sa.DateTime(timezone=True), nullable=False, comment="when the sweeper checks it next"),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("acknowledged_at", sa.DateTime(timezone=True), comment="when an operator acknowledged the dead letter"),
    sa.CheckConstraint(f"status IN ({sql_list(Status)})", name="status_known"),
    sa.CheckConstraint("amount_in BETWEEN 1 AND 18446744073709551615", name="amount_in_range"),
    sa.CheckConstraint("slippage_bps BETWEEN 0 AND 10000", name="slippage_range"),
    sa.CheckConstraint(
        "status <> 'confirmed' OR (tx_hash IS NOT NULL AND amount_out IS NOT NULL)", name="confirmed_has_fill"
    ),
)
sa.Index(
    "orders_one_per_key",
    orders.c.owner,
    orders.c.idempotency_key,
    unique=True,
    postgresql_where=orders.c.idempotency_key.is_not(None),
)
sa.Index("orders_by_owner", orders.c.owner, orders.c.created_at, orders.c.id)
sa.Index("orders_by_owner_status", orders.c.owner, orders.c.status, orders.c.created_at, orders.c.id)
sa.Index(
    "orders_to_look_at",
    orders.c.look_at,
    orders.c.id,
    postgresql_where=sa.text(f"status IN ({sql_list(UNDER_WAY)})"),
)
sa.Index(
    "orders_open_expiring",
    orders.c.expires_at,
    postgresql_where=sa.text("status = 'open' AND expires_at IS NOT NULL"),
)
sa.Index(
    "orders_dead_letters",
    orders.c.updated_at,
    orders.c.id,
    postgresql_where=sa.text("status = 'failed' AND acknowledged_at IS NULL"),
)

order_events = sa.Table(
    "order_events",
    metadata,
    sa.Column("order_id", sa.ForeignKey(orders.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("details", pg.JSON, comment="all other fields of the event, exactly as published"),
)
# Events are inserted in time order, so a BRIN index of a few pages finds "the last minutes". It costs no insert time.
sa.Index(
    "order_events_at",
    order_events.c.at,
    postgresql_using="brin",
    postgresql_with={"pages_per_range": 16, "autosummarize": True},
)

# A trigger, created by the first migration, refuses a change of status that the lifecycle does not allow.
