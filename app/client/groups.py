"""The body of a group of orders, from the options of one command."""

from collections.abc import Mapping, Sequence
from typing import Any

GROUPS = ("oco", "bracket")


def group_body(
    kind: str, terms: Mapping[str, Any], take_profit: Mapping[str, Any], stop_loss: Mapping[str, Any]
) -> dict[str, Any]:
    """`terms`: of the entry of a bracket, or of both orders of an OCO, where a `trigger` is that of a trailing stop."""
    if kind == "bracket":
        entry = {**terms, "orderType": "limit"}
        return {"type": kind, "entry": entry, "takeProfit": take_profit, "stopLoss": stop_loss}
    both = {name: value for name, value in terms.items() if name != "trigger"}
    stop = {**both, "orderType": "trailing_stop", "trigger": {**terms.get("trigger", {}), **stop_loss}}
    if "trigger" not in terms:
        at = {name: value for name, value in stop_loss.items() if name == "price"}
        limit = {name: value for name, value in stop_loss.items() if name == "limitPrice"}
        stop = {**both, "orderType": "stop", "trigger": at, **limit}
    return {"type": kind, "legs": [{**both, "orderType": "take_profit", "trigger": take_profit}, stop]}


def orders_in(group: Mapping[str, Any]) -> Sequence[str]:
    """What each order of a group is, in the order of the answer."""
    if group["type"] == "bracket":
        return ("entry", "take_profit", "stop")
    return [leg["orderType"] for leg in group["legs"]]
