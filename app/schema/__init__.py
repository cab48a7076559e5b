"""The tables, for Alembic. The SQL that reads and writes them is in `orders/` and `webhooks/`."""

from app.schema import operators, orders, reconciling, samples, waiting, webhooks
from app.schema.base import metadata

__all__ = ["metadata", "operators", "orders", "reconciling", "samples", "waiting", "webhooks"]
