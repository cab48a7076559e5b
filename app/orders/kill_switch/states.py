"""The states of the kill switch, and the conditions of SQL statements that they make."""

from enum import StrEnum

from app.orders.kill_switch.same_database import IS_ANOTHER
from app.orders.lifecycle import sql_list

ALL = "*"  # the scope of all owners; no owner has this name
RECONCILING = "*reconciling"  # nor this one: the scope of `app/orders/reconciling`, which is no operator's


class TradingState(StrEnum):
    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


STRICTNESS = {state: level for level, state in enumerate(TradingState)}


def is_halted(owner: str) -> str:
    """The SQL condition that nothing of this owner, an SQL expression, may start or be sent."""
    return f"""({IS_ANOTHER} OR EXISTS (SELECT FROM trading_states t
                WHERE t.scope IN ('{ALL}', '{RECONCILING}', {owner}) AND t.state = '{TradingState.HALTED}'))"""


# The SQL condition that the engine has to reconcile with the chain: an order that seems to have waited may be filled.
IS_RECONCILING = f"""({IS_ANOTHER} OR EXISTS (SELECT FROM trading_states t
                      WHERE t.scope = '{RECONCILING}' AND t.state = '{TradingState.HALTED}'))"""


def is_stopped(owner: str) -> str:
    """The SQL condition that this owner may place no orders."""
    return f"""EXISTS (SELECT FROM trading_states t
                       WHERE t.scope IN ('{ALL}', {owner}) AND t.state <> '{TradingState.ACTIVE}')"""


REDUCE = ("stop", "take_profit", "trailing_stop")  # order types that leave a position


def may_fire(owner: str, order_type: str) -> str:
    """The SQL condition that an order of this owner and type, SQL expressions, may leave its wait."""
    refused = f"s.state = '{TradingState.REDUCING}' AND {order_type} NOT IN ({sql_list(REDUCE)})"
    return f"""NOT ({IS_ANOTHER} OR EXISTS (SELECT FROM trading_states s
                    WHERE s.scope IN ('{ALL}', '{RECONCILING}', {owner})
                      AND (s.state = '{TradingState.HALTED}' OR {refused})))"""
