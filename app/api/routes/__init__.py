"""All routes, one module per resource, and that of /asyncapi.json. A new module has to be listed here."""

from fastapi.routing import APIRoute

from app.api.routes import (
    change_orders,
    dead_letters,
    failure_drill,
    health,
    legacy,
    limits,
    market,
    order_stream,
    orders,
    place_order,
    queue,
    stream,
    tickets,
)
from app.api.routes.operators import audit, kill_switch, simulation
from app.api.spec import asyncapi
from app.api.validation import known_parameters_only

# Swagger lists them in this order.
ROUTERS = (
    *(
        module.router
        for module in (
            *(order_stream, place_order, legacy, orders, change_orders, limits, stream, tickets),
            *(dead_letters, failure_drill, market, simulation, queue, kill_switch, audit, health, asyncapi),
        )
    ),
    legacy.unknown,
)

# Clients of other engines and monitoring send query parameters of their own.
LENIENT = (legacy.router, health.router, asyncapi.router)

for _router in ROUTERS:
    for _route in _router.routes if _router not in LENIENT else ():
        if isinstance(_route, APIRoute) and _route.include_in_schema:
            known_parameters_only(_route)
