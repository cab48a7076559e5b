"""Webhooks: what waits or was given up becomes due in pages, by the watcher that serves the webhook."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

COLUMNS = (
    ("hurried_at", "NULL, or what waits is made due before anything more is sent"),
    ("replayed_at", "and before that what was given up until then"),
)


def upgrade() -> None:
    for name, comment in COLUMNS:
        op.add_column("webhooks", sa.Column(name, sa.DateTime(timezone=True), comment=comment))


def downgrade() -> None:
    for name, _ in reversed(COLUMNS):
        op.drop_column("webhooks", name)
