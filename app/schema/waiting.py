"""What orders wait for, and the prices that fire them."""

import sqlalchemy as sa

from app.schema.base import metadata
from app.schema.orders import orders

# One row for each armed condition; a watcher deletes it when it fires the order. Revision 0013: when it is vacuumed.
Price = sa.Numeric(38, 18)
triggers = sa.Table(
    "triggers",
    metadata,
    sa.Column("order_id", sa.ForeignKey(orders.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("order_type", sa.Text, nullable=False),
    sa.Column("feed", sa.Text, nullable=False, comment="token_in/token_out; of a launch the mint, or mint@venue"),
    sa.Column(
        "op",
        sa.Text,
        nullable=False,
        comment="ge or le: how the price has to lie to the level; launch; start: it then follows the price; trail",
    ),
    sa.Column(
        "persist",
        sa.SmallInteger,
        nullable=False,
        comment="for how many recorded slots in a row; 0: compared with the best mid, then quoted at its size",
    ),
    sa.Column("level", Price, nullable=False, comment="further away while a limit is put aside; of a launch dollars"),
    sa.Column(
        "base_level", Price, nullable=False, comment="of a launch the limit price; start: the highest price it has seen"
    ),
    sa.Column("look_at", sa.DateTime(timezone=True), comment="not fired before; level is base_level again then"),
    sa.Column("armed", sa.Boolean, nullable=False, server_default=sa.text("true")),
    sa.Column("group_id", sa.Uuid),
    sa.Column("rank", sa.SmallInteger, nullable=False, server_default="0", comment="the lowest of a group wins"),
    sa.Column("trail_bps", sa.Integer, comment="of a trailing stop: so far below its extreme it fires"),
    sa.Column("watermark", sa.ForeignKey("watermarks.id"), comment="which has the extreme"),
    sa.Column(
        "since",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.text("now()"),
        comment="start: an older price does not count",
    ),
    sa.CheckConstraint("op IN ('ge', 'le', 'launch', 'start', 'trail')", name="op_known"),
)
for _side in ("ge", "le"):
    sa.Index(
        f"triggers_{_side}",
        triggers.c.feed,
        triggers.c.persist,
        triggers.c.level,
        postgresql_where=sa.text(f"armed AND op = '{_side}'"),
    )
sa.Index(
    "triggers_launch",
    triggers.c.feed,
    triggers.c.level,
    postgresql_where=sa.text("armed AND op = 'launch'"),
)
sa.Index(
    "triggers_start",
    triggers.c.feed,
    triggers.c.persist,
    triggers.c.level,
    postgresql_where=sa.text("op = 'start'"),
)
sa.Index(
    "triggers_trail",
    triggers.c.watermark,
    triggers.c.trail_bps,
    postgresql_where=triggers.c.watermark.is_not(None),
)
sa.Index("triggers_to_look_at", triggers.c.look_at, postgresql_where=triggers.c.look_at.is_not(None))
sa.Index("triggers_by_group", triggers.c.group_id, postgresql_where=triggers.c.group_id.is_not(None))

# The highest price that some trailing stops have seen: those that have seen the same one share a row.
watermarks = sa.Table(
    "watermarks",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("persist", sa.SmallInteger, nullable=False),
    sa.Column("extreme", Price, nullable=False),
    sa.Column("slot", sa.BigInteger, nullable=False, comment="up to which recorded prices are part of the extreme"),
)
sa.Index("watermarks_by_extreme", watermarks.c.feed, watermarks.c.persist, watermarks.c.extreme)

# Groups of orders of which one may be filled. The group's row is the lock of its legs.
order_groups = sa.Table(
    "order_groups",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("holder", sa.Uuid, comment="the leg that has fired; the others are held meanwhile"),
    sa.Column("settled", sa.Boolean, nullable=False, server_default=sa.text("false"), comment="a leg was filled"),
    sa.Column("entry", sa.Uuid, comment="the order whose fill arms the others; it is the first holder"),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="hash of the normalised request body"),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
)
sa.Index(
    "order_groups_one_per_key",
    order_groups.c.owner,
    order_groups.c.idempotency_key,
    unique=True,
    postgresql_where=order_groups.c.idempotency_key.is_not(None),
)
sa.Index(
    "order_groups_held",
    order_groups.c.holder,
    postgresql_where=sa.and_(order_groups.c.holder.is_not(None), sa.not_(order_groups.c.settled)),
)
sa.Index("orders_by_group", orders.c.group_id, postgresql_where=orders.c.group_id.is_not(None))

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
# Of each pair the slot that was recorded last: its row is the lock with which an older one is refused.
newest_slots = sa.Table(
    "newest_slots",
    metadata,
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("slot", sa.BigInteger, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)

# One row for each order that is executed in slices and has not ended.
plans = sa.Table(
    "plans",
    metadata,
    sa.Column("order_id", sa.ForeignKey(orders.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("slices", sa.Integer, nullable=False),
    sa.Column("every_seconds", sa.Integer, nullable=False),
    sa.Column("on_miss", sa.Text, nullable=False),
    sa.Column("band_min", Price),
    sa.Column("band_max", Price),
    sa.Column("next_slice", sa.Integer, nullable=False, server_default="1"),
    sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("skipped", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("on_miss IN ('extend', 'skip', 'catch_up')", name="on_miss_known"),
)
sa.Index("plans_due", plans.c.next_at)
sa.Index("orders_by_parent", orders.c.parent_id, postgresql_where=orders.c.parent_id.is_not(None))

# The dead man's switch of each owner who has used it.
dead_men = sa.Table(
    "dead_men",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("seconds", sa.Integer, nullable=False, comment="0: it is off"),
    sa.Column("cancels_at", sa.DateTime(timezone=True), comment="unless it is renewed; NULL: it is off"),
    sa.Column("fired_at", sa.DateTime(timezone=True), comment="when it last cancelled"),
    sa.Column("cancelled", sa.Integer, comment="how many orders, then"),
)
sa.Index("dead_men_due", dead_men.c.cancels_at, postgresql_where=dead_men.c.cancels_at.is_not(None))
