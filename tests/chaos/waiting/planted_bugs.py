"""Bugs that engines with orders that wait have had, planted to see whether the model notices them."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal


def fire_without_lock() -> None:
    """An order is read, and moved whatever has become of it since: two watchers that see one price both fire it."""
    from app.orders.waiting import statements

    def changed(sql: str) -> str:
        sql = _replaced(sql, "FOR UPDATE OF t, o SKIP LOCKED", "")
        sql = _replaced(sql, "gone AS ( DELETE", "deleted AS ( DELETE")
        sql = _replaced(
            sql, "), held AS ( UPDATE order_groups", "), gone AS (SELECT * FROM chosen), held AS ( UPDATE order_groups"
        )
        return _replaced(sql, "FROM gone)) AND CASE o.status WHEN 'open' THEN true END", "FROM gone))")

    for name in ("FIRE", "FIRE_THESE"):
        setattr(statements, name, {op: changed(sql) for op, sql in getattr(statements, name).items()})
    statements.FIRE_QUOTED = changed(statements.FIRE_QUOTED)


def sibling_cancelled_at_the_trigger() -> None:
    """Of a group the other leg is cancelled as soon as one has fired, and not when that is filled."""
    from app.orders.waiting import statements

    cancelled = """disarmed AS (
        DELETE FROM triggers t USING chosen WHERE t.group_id = chosen.group_id AND t.order_id <> chosen.order_id
        RETURNING t.order_id
    ), cancelled AS (
        UPDATE orders o SET status = 'cancelled', seq = o.seq + 1, code = 'sibling_filled', updated_at = now()
          FROM disarmed WHERE o.id = disarmed.order_id RETURNING o.*
    ), cancel_logged AS (
        INSERT INTO order_events (order_id, seq, status, attempt, at, details)
        SELECT id, seq, status, attempt, updated_at, json_build_object('code', code) FROM cancelled
    ), moved AS ("""

    def changed(sql: str) -> str:
        text, count = re.subn(r"disarmed AS \(.*?\), moved AS \(", cancelled, _one_line(sql))
        assert count == 1
        return text

    for name in ("FIRE", "FIRE_THESE"):
        setattr(statements, name, {op: changed(sql) for op, sql in getattr(statements, name).items()})
    statements.FIRE_QUOTED = changed(statements.FIRE_QUOTED)


def floor_from_the_price() -> None:
    """A stop that fires takes its floor from the price of that slot, which may lie far below its level."""
    from app.orders.waiting import statements

    lower = "seq = o.seq + 1, limit_out = ceil(o.limit_out * (SELECT price FROM price) / gone.level), error = NULL"
    statements.FIRE = statements.FIRE | {"le": _replaced(statements.FIRE["le"], "seq = o.seq + 1, error = NULL", lower)}


def watermark_after_use() -> None:
    """Trailing stops fire by the highest price that was stored some slots ago: the later ones are stored after that."""
    from app.orders.waiting import trailing

    follow = trailing.TrailingStops.follow

    async def later(self: trailing.TrailingStops, trail: trailing.Trail, slot: int, *, begins: bool) -> Decimal:
        return await follow(self, trail, slot - 7, begins=begins)

    guard = "AND NOT EXISTS (SELECT FROM rises WHERE rises.slot > w.slot AND rise > w.extreme)"
    for name in ("FIRE", "FIRE_THESE"):
        setattr(trailing, name, _replaced(getattr(trailing, name), guard, ""))
    setattr(trailing.TrailingStops, "follow", later)


def slice_without_its_key() -> None:
    """A slice has a new id each time it is made."""
    from app.orders.store.statements import slice_id
    from app.orders.waiting import plans

    plans.SLICE = _replaced(plans.SLICE, slice_id("id", "next_slice"), "gen_random_uuid()")


def _one_line(sql: str) -> str:
    return " ".join(re.sub("--.*", "", sql).split())


def _replaced(sql: str, old: str, new: str) -> str:
    text = _one_line(sql)
    assert text.count(old) == 1, old
    return text.replace(old, new)


BUGS: Mapping[str, Callable[[], None]] = {
    "fire without lock": fire_without_lock,
    "sibling cancelled at the trigger": sibling_cancelled_at_the_trigger,
    "floor from the price": floor_from_the_price,
    "watermark after use": watermark_after_use,
    "slice without its key": slice_without_its_key,
}
