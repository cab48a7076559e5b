"""All routes, one module per resource, and those of the documents of the API. A new module has to be listed here."""

from fastapi.routing import APIRoute

from app.api.parameters import known_parameters_only
from app.api.routes import (
    dead_letters,
    failure_drill,
    health,
    legacy,
    limits,
    market,
    order_stream,
    orders,
    place_order,
    prices,
    queue,
    stream,
    tickets,
)
from app.api.routes.operators import audit, kill_switch, reconciliation, simulation
from app.api.routes.waiting import changes, dead_man, groups
from app.api.routes.webhooks import deliveries, endpoints
from app.api.spec import documents

# Swagger lists them in this order.
ROUTERS = (
    *(
        module.router
        for module in (
            *(order_stream, place_order, legacy, orders, changes, groups, dead_man, limits, stream, tickets),
            *(endpoints, deliveries),
            *(
                dead_letters,
                failure_drill,
                market,
                prices,
                simulation,
                queue,
                kill_switch,
                reconciliation,
                audit,
                health,
                documents,
            ),
        )
    ),
    legacy.unknown,
)

# Clients of other engines and monitoring send query parameters of their own.
LENIENT = (legacy.router, health.router, documents.router)

for _router in ROUTERS:
    for _route in _router.routes if _router not in LENIENT else ():
        if isinstance(_route, APIRoute) and _route.include_in_schema:
            known_parameters_only(_route)
