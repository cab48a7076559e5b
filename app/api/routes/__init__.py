"""All routes, one module per resource, and that of /asyncapi.json. A new module has to be listed here."""

from app.api.routes import (
    cancel,
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
from app.api.spec import asyncapi

# Swagger lists them in this order.
ROUTERS = tuple(
    module.router
    for module in (
        *(order_stream, place_order, orders, cancel, limits, stream, tickets, legacy),
        *(dead_letters, failure_drill, market, queue, health, asyncapi),
    )
)
