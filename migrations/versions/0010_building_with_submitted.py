"""An order may pass from routing to submitted in one statement, which logs `building` as well."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOVES_BEFORE = """
    ('open', 'pending'), ('open', 'failed'), ('open', 'cancelled'), ('open', 'expired'), ('open', 'completed'),
    ('pending', 'routing'), ('pending', 'open'), ('pending', 'failed'), ('pending', 'cancelled'),
    ('pending', 'expired'),
    ('routing', 'building'), ('routing', 'pending'), ('routing', 'open'), ('routing', 'failed'),
    ('routing', 'cancelled'), ('routing', 'expired'),
    ('building', 'submitted'), ('building', 'pending'), ('building', 'open'), ('building', 'failed'),
    ('building', 'cancelled'), ('building', 'expired'),
    ('submitted', 'confirmed'), ('submitted', 'pending'), ('submitted', 'open'), ('submitted', 'failed'),
    ('submitted', 'cancelled'), ('submitted', 'expired')
"""
MOVES = f"{MOVES_BEFORE}, ('routing', 'submitted')"


def _set_moves(moves: str) -> None:
    op.execute(
        f"""
        CREATE OR REPLACE TRIGGER orders_legal_moves BEFORE UPDATE OF status ON orders FOR EACH ROW
        WHEN (OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN ({moves}))
        EXECUTE FUNCTION refuse_order_move()
        """
    )


def upgrade() -> None:
    _set_moves(MOVES)


def downgrade() -> None:
    _set_moves(MOVES_BEFORE)
