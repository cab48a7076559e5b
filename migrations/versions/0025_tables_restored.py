"""Which table of orders was there: a backup that is restored by other means makes a new one."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

COMMENT = "of the table of orders, which a restore makes anew; NULL: not read yet"


def upgrade() -> None:
    op.add_column("reconciliation", sa.Column("orders_oid", sa.BigInteger(), comment=COMMENT))


def downgrade() -> None:
    op.drop_column("reconciliation", "orders_oid")
