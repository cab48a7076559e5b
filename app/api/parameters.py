"""Query parameters: those that a route does not declare are refused."""

from urllib.parse import parse_qsl

from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from app.api.admission import may_be_invalid
from app.api.names import MAX_ERRORS, did_you_mean, pointer
from app.api.problems import invalid_query
from app.api.spec.openapi import PROBLEM


def known_parameters_only(route: APIRoute) -> None:
    """Refuse requests to this route with a query parameter that it does not declare: a filter with a typing error
    would filter nothing. Beyond the quota of invalid requests none with a query is looked at.
    """
    names = sorted(field.alias for field in route.dependant.query_params)
    exist = f"this path takes: {', '.join(names)}" if names else "this path takes none"
    app = route.app

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"]:
            # Saying what is wrong with a query takes a millisecond or two, in which nobody else is served.
            may_be_invalid(HTTPConnection(scope), scope["state"].get("caller"))
            given = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
            if unknown := [name for name in given if name not in names][:MAX_ERRORS]:
                raise invalid_query(
                    [
                        (pointer(("query", name)), f"unknown parameter; {exist}{did_you_mean(name, names)}")
                        for name in unknown
                    ]
                )
        await app(scope, receive, send)

    route.app = checked
    # FastAPI would document its own error, which no client gets.
    route.responses.setdefault(429, {"description": "Too many of your requests were invalid", "content": PROBLEM})
    route.responses.setdefault(422, {"description": "A query parameter does not exist", "content": PROBLEM})
