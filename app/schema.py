"""The tables, for Alembic. The SQL that reads and writes them is in `orders/`."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.orders.lifecycle import UNDER_WAY, Status, sql_list

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s",
        "ix": "%(table_name)s_%(column_0_N_name)s",
    }
)

BaseUnits = sa.Numeric(20, 0)  # up to 2**64 - 1, one more bit than bigint has
UsdValue = sa.Numeric(36, 0)


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
    # The progress; changed by one guarded statement.
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False, comment="number of its last event"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0", comment="attempts begun"),
    sa.Column("error", sa.Text),
    sa.Column("code", sa.Text),
    sa.Column("floor_out", BaseUnits, comment="minimum amount out: fixed at the first build, never lowered"),
    sa.Column("swap", pg.JSON, comment="the signed swap: sent again as it is, never signed twice"),
    sa.Column("tx_hash", sa.Text),
    sa.Column("dex", sa.Text),
    sa.Column("executed_price", sa.Numeric),
    sa.Column("amount_out", BaseUnits),
    # Which worker owns it, and when the sweeper checks it.
    sa.Column("claims", sa.Integer, nullable=False, server_default="0", comment="starts since the last progress"),
    sa.Column(
        "fence",
        sa.Integer,
        nullable=False,
        server_default="0",
        comment="raised by each claim; older writes are refused",
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

# Risk limits: what each owner traded on a UTC day. A row belongs to one API process, so no two wait for each other.
daily_volumes = sa.Table(
    "daily_volumes",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("writer", sa.Uuid, primary_key=True, comment="the API process that accepted the orders"),
    sa.Column("usd", UsdValue, nullable=False, comment="value of the orders, in millionths of a dollar"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("gen_random_uuid()")),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("prefix", sa.Text, nullable=False, comment="identifies the key to people; the rest is not stored"),
    sa.Column("hash", sa.LargeBinary, nullable=False, comment="SHA-256 of the whole key"),
    sa.Column("operator", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("max_order_usd", sa.BigInteger, comment="most dollars in one order; 0: no limit; NULL: MAX_ORDER_USD"),
    sa.Column("max_daily_usd", sa.BigInteger, comment="the same for one UTC day of the owner; NULL: MAX_DAILY_USD"),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("revoked_at", sa.DateTime(timezone=True)),
    sa.UniqueConstraint("prefix", name="api_keys_prefix_key"),
)

trading_states = sa.Table(
    "trading_states",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True, comment="an owner, or * for all owners"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("set_by", sa.Text, nullable=False, comment="the owner of the key that set it"),
    sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state IN ('active', 'reducing', 'halted')", name="state_known"),
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("owner", sa.Text),
    sa.Column("key_prefix", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("details", pg.JSON, nullable=False),
    sa.Column("left_out", sa.Integer, nullable=False, comment="more refusals like this one"),
)
# A trigger refuses to change, delete or truncate it.
sa.Index("audit_log_by_owner", audit_log.c.owner, audit_log.c.id)
sa.Index("audit_log_by_action", audit_log.c.action, audit_log.c.id)

# A trigger, created by the first migration, refuses a change of status that the lifecycle does not allow.
