"""The headers of a request by name."""

from collections.abc import Mapping

from starlette.types import Scope


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """Of a header that was sent more than once, the first. Made once for each request."""
    state = scope.setdefault("state", {})
    headers: Mapping[bytes, bytes] | None = state.get("headers")
    if headers is None:
        headers = state["headers"] = dict(reversed(scope["headers"]))
    return headers
