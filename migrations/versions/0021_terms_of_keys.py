"""API keys that expire, may only read, or have quotas of their own; when each was last used."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

COLUMNS = (
    ("max_orders_per_min", sa.Integer(), "0: no limit; NULL: API_MAX_ORDERS_PER_MIN"),
    ("max_reads_per_min", sa.Integer(), "0: no limit; NULL: API_MAX_READS_PER_MIN"),
    ("expires_at", sa.DateTime(timezone=True), "refused from then on; NULL: never"),
    ("last_used_at", sa.DateTime(timezone=True), "to the minute; NULL: never"),
)


def upgrade() -> None:
    no = sa.text("false")
    op.add_column(
        "api_keys",
        sa.Column("read_only", sa.Boolean(), server_default=no, nullable=False, comment="may change nothing"),
    )
    for name, kind, comment in COLUMNS:
        op.add_column("api_keys", sa.Column(name, kind, comment=comment))


def downgrade() -> None:
    # Without these columns such a key would be valid for ever, and for everything.
    op.execute(
        "UPDATE api_keys SET revoked_at = now() WHERE revoked_at IS NULL AND (read_only OR expires_at IS NOT NULL)"
    )
    for name in (*(column[0] for column in reversed(COLUMNS)), "read_only"):
        op.drop_column("api_keys", name)
