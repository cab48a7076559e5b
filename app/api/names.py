"""What an error says about the names in a request: which one is wrong, and which one may have been meant."""

import difflib
import json
import re
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from app.dex import base58
from app.dex.markets import Markets, Token

MAX_SHOWN = 64  # characters of a client's name that an error repeats
MAX_COMPARED = 40  # characters; no known name is longer, and comparing takes time
MAX_ERRORS = 10  # in one problem: a body has room for thousands of unknown fields

HINTS_A_SECOND = 20  # for paths that do not exist

_hints: deque[float] = deque(maxlen=HINTS_A_SECOND)  # when the last ones were given
_EXPECTED = re.compile(r"'([^']*)'")
_ORDER_ID = re.compile(r"/[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}(?=/|$)")
_SHOULD = re.compile(r"^\w+ should ")


def shown(text: str) -> str:
    """A name from the client that is safe to repeat: printable ASCII, escaped as in a JSON string, and cut."""
    escaped = json.dumps(text[: MAX_SHOWN + 1])[1:-1]
    return escaped if len(escaped) <= MAX_SHOWN else f"{escaped[:MAX_SHOWN]}..."


def did_you_mean(given: object, names: Iterable[str]) -> str:
    """`; did you mean SOL?`, or nothing if no name is close. Upper and lower case count as the same."""
    if not isinstance(given, str) or len(given) > MAX_COMPARED:
        return ""
    by_lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(given.lower(), by_lower, n=1, cutoff=0.7)
    return f"; did you mean {by_lower[close[0]]}?" if close else ""


def unknown_token(given: str, markets: Markets) -> str:
    hint = did_you_mean(given, (token.symbol for token in markets.tokens))
    return f"this token is not traded here{hint or '; GET /api/tokens lists those that are'}"


def token_names(given: str, markets: Markets) -> list[str]:
    """How orders name a token: by its symbol, and by its mint while they wait for its launch; []: it is neither."""
    if token := markets.find(given):
        return [token.symbol, token.mint]
    return [given] if base58.is_address(given) else []


def unserved_pair(token_in: Token, markets: Markets, only: Sequence[str] | None) -> str:
    """Why tokenOut cannot be bought with this token: `only` these venues, or all, were asked."""
    where = "on these venues" if only else "on any venue"
    others = [
        token.symbol for token in markets.tokens if token != token_in and markets.serves(token_in, token, only=only)
    ]
    to = f"; {token_in.symbol} can be swapped to: {', '.join(others)}" if others else ""
    return f"cannot be swapped from {token_in.symbol} {where}{to}"


def unknown_venue(given: Iterable[str], venues: Sequence[str]) -> str:
    hints = (did_you_mean(name, venues) for name in given if name not in venues)
    return f"must be one of: {', '.join(venues)}{next(filter(None, hints), '')}"


def near_path(path: str, routes: Iterable[BaseRoute]) -> str:
    """The path that may have been meant, if one is close. Looking for it takes a millisecond, so only so often."""
    now = time.monotonic()
    if len(_hints) == HINTS_A_SECOND and now - _hints[0] < 1:
        return ""
    _hints.append(now)
    paths = (route.path for route in routes if isinstance(route, Route) and route.include_in_schema)
    return did_you_mean(_ORDER_ID.sub("/{order_id}", path), paths)


def methods(scope: Scope, routes: Iterable[BaseRoute]) -> list[str]:
    """All methods of a path. Starlette itself names only those of the first route.

    A path of its own is no `{order_id}` too.
    """
    of_path = [route for route in routes if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE]
    of_path = [route for route in of_path if not route.param_convertors] or of_path
    return sorted({method for route in of_path for method in route.methods or ()})


def field_errors(errors: Iterable[Mapping[str, Any]], names: Iterable[str] = (), at: str = "") -> list[tuple[str, str]]:
    """Pydantic's errors as pointers and messages. `names`: the fields that exist."""
    some = [error for error, _ in zip(errors, range(MAX_ERRORS), strict=False)]
    return [(at + pointer(error["loc"]), _message(error, names)) for error in some]


def pointer(path: Iterable[int | str]) -> str:
    return "".join(f"/{shown(str(part)).replace('~', '~0').replace('/', '~1')}" for part in path)


def _message(error: Mapping[str, Any], names: Iterable[str]) -> str:
    match error["type"]:
        case "missing":
            return "is required"
        case "model_type":  # pydantic's own text has the name of the class
            return "must be an object"
        case "invalid_key":
            return "has a field whose name is not valid Unicode"
        case "timezone_aware":
            return "must name its time zone, as in 2027-01-31T12:00:00Z"
        case "extra_forbidden":
            return f"unknown field{did_you_mean(error['loc'][-1], names)}"
        case "literal_error" | "enum":
            allowed = _EXPECTED.findall(error["ctx"]["expected"])
            return f"must be {error['ctx']['expected']}{did_you_mean(error['input'], allowed)}"
    message: str = error["msg"]
    return _SHOULD.sub("must ", message[:1].lower() + message[1:])
