"""The past, for charts: samples that are taken every ten seconds. Nothing but charts reads them."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.schema.base import metadata

price_samples = sa.Table(
    "price_samples",
    metadata,
    sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("pair", sa.Text, primary_key=True, comment="two symbols in alphabetical order"),
    sa.Column(
        "mids", pg.JSON, nullable=False, comment="of each venue: tokens of the second symbol for one of the first"
    ),
)

queue_samples = sa.Table(
    "queue_samples",
    metadata,
    sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("waiting", sa.Integer, comment="NULL, as the next two: Redis was down"),
    sa.Column("running", sa.Integer),
    sa.Column("workers", sa.Integer),
    sa.Column("confirmed", sa.Integer, nullable=False, comment="in the minute before"),
    sa.Column("p50_ms", sa.Float, comment="of these, from accepted to confirmed; NULL: there were none"),
    sa.Column("p99_ms", sa.Float),
)
