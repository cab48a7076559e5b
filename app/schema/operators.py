"""API keys, risk limits, kill switch and audit log."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.schema.base import UsdValue, metadata

# Risk limits: what each owner traded on a UTC day. A row belongs to one API process, so no two wait for each other.
daily_volumes = sa.Table(
    "daily_volumes",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("writer", sa.Uuid, primary_key=True, comment="the API process that accepted the orders"),
    sa.Column("usd", UsdValue, nullable=False, comment="value of the orders, in millionths of a dollar"),
)

# On a real chain: the account of the day's signatures. Rows of one chain are written one after the other.
signed_swaps = sa.Table(
    "signed_swaps",
    metadata,
    sa.Column("signature", sa.Text, primary_key=True),
    sa.Column("chain", sa.Text, nullable=False, comment="its genesis hash"),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("owner", sa.Text, nullable=False, comment="empty: of an order that this database has forgotten"),
    sa.Column("usd", UsdValue, nullable=False, comment="value when signed, in millionths of a dollar"),
    sa.Column("fee", sa.BigInteger, nullable=False, comment="most that it pays in fees, in lamports"),
)
sa.Index(
    "signed_swaps_by_day",
    signed_swaps.c.chain,
    signed_swaps.c.day,
    postgresql_include=["owner", "usd", "fee"],
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
    sa.Column("read_only", sa.Boolean, nullable=False, server_default=sa.text("false"), comment="may change nothing"),
    sa.Column("max_orders_per_min", sa.Integer, comment="0: no limit; NULL: API_MAX_ORDERS_PER_MIN"),
    sa.Column("max_reads_per_min", sa.Integer, comment="0: no limit; NULL: API_MAX_READS_PER_MIN"),
    sa.Column("expires_at", sa.DateTime(timezone=True), comment="refused from then on; NULL: never"),
    sa.Column("last_used_at", sa.DateTime(timezone=True), comment="to the minute; NULL: never"),
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
