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
    # For an order that waits.
    sa.Column("limit_price", sa.Numeric, comment="as the client said it: tokens out for one token in"),
    sa.Column("limit_out", BaseUnits, comment="the least the fill may bring; NULL: a market order"),
    sa.Column("condition", pg.JSON, comment="what it waits for, as the client said it"),
    sa.Column("time_in_force", sa.Text, comment="gtc, gtd or ioc; NULL: a market order"),
    sa.Column("parent_id", sa.Uuid, comment="the order that this one is a slice of"),
    sa.Column("slice", sa.Integer, comment="its number among the slices"),
    sa.Column("group_id", sa.Uuid, comment="the group that this order is a leg of"),
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
    sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("rearms", sa.Integer, nullable=False, server_default="0", comment="how often it went back to open"),
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

# One row for each armed condition; a watcher deletes it when it fires the order.
Price = sa.Numeric(38, 18)
triggers = sa.Table(
    "triggers",
    metadata,
    sa.Column("order_id", sa.ForeignKey(orders.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("order_type", sa.Text, nullable=False),
    sa.Column("feed", sa.Text, nullable=False, comment="token_in/token_out"),
    sa.Column("op", sa.Text, nullable=False, comment="ge or le: how the price has to lie to the level"),
    sa.Column(
        "persist",
        sa.SmallInteger,
        nullable=False,
        comment="for how many recorded slots in a row; 0: compared with the best mid, then quoted at its size",
    ),
    sa.Column("level", Price, nullable=False, comment="further away while a limit is put aside"),
    sa.Column("base_level", Price, nullable=False),
    sa.Column("look_at", sa.DateTime(timezone=True), comment="not fired before; level is base_level again then"),
    sa.Column("armed", sa.Boolean, nullable=False, server_default=sa.text("true")),
    sa.Column("group_id", sa.Uuid),
    sa.Column("rank", sa.SmallInteger, nullable=False, server_default="0", comment="the lowest of a group wins"),
    sa.CheckConstraint("op IN ('ge', 'le')", name="op_known"),
)
for _side in ("ge", "le"):
    sa.Index(
        f"triggers_{_side}",
        triggers.c.feed,
        triggers.c.persist,
        triggers.c.level,
        postgresql_where=sa.text(f"armed AND op = '{_side}'"),
    )
sa.Index("triggers_to_look_at", triggers.c.look_at, postgresql_where=triggers.c.look_at.is_not(None))
sa.Index("triggers_by_group", triggers.c.group_id, postgresql_where=triggers.c.group_id.is_not(None))

# The prices that watchers recorded, one row per pair and slot; old rows are deleted.
prices = sa.Table(
    "prices",
    metadata,
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("best", Price, nullable=False, comment="the best venue's mid"),
    sa.Column("low", Price, nullable=False, comment="what levels to be risen to are compared with"),
    sa.Column("high", Price, nullable=False, comment="what levels to be fallen to are compared with"),
    sa.Column("venues", sa.Integer, nullable=False, comment="how many had a price"),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
sa.Index("prices_at", prices.c.at, postgresql_using="brin")

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
