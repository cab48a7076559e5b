"""Orders that wait for the launch of a token."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KNOWN_BEFORE = "op IN ('ge', 'le')"
KNOWN = "op IN ('ge', 'le', 'launch')"
COMMENTS = {
    "feed": ("token_in/token_out", "token_in/token_out; of a launch the mint, or mint@venue"),
    "op": (
        "ge or le: how the price has to lie to the level",
        "ge or le: how the price has to lie to the level; or launch",
    ),
    "level": (
        "further away while a limit is put aside",
        "further away while a limit is put aside; of a launch dollars",
    ),
    "base_level": (None, "of a launch the limit price"),
}


def _set_known(known: str) -> None:
    op.drop_constraint(op.f("triggers_op_known"), "triggers", type_="check")
    # Validated apart: the scan of old rows then does not keep others from writing.
    op.execute(f"ALTER TABLE triggers ADD CONSTRAINT triggers_op_known CHECK ({known}) NOT VALID")
    op.execute("ALTER TABLE triggers VALIDATE CONSTRAINT triggers_op_known")


def upgrade() -> None:
    _set_known(KNOWN)
    for column, (before, after) in COMMENTS.items():
        op.alter_column("triggers", column, comment=after, existing_comment=before)
    op.create_index(
        "triggers_launch", "triggers", ["feed", "level"], postgresql_where=sa.text("armed AND op = 'launch'")
    )


def downgrade() -> None:
    op.drop_index("triggers_launch", table_name="triggers")
    for column, (before, after) in COMMENTS.items():
        op.alter_column("triggers", column, comment=before, existing_comment=after)
    op.execute("DELETE FROM triggers WHERE op = 'launch'")
    _set_known(KNOWN_BEFORE)
