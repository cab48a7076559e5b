"""An API process knows the newest revision of the schema without Alembic."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from app.orders.store.revision import mismatch
from migrations.revisions import VERSIONS, known_revisions, oldest_code

TAKES_AWAY = {"drop_column", "drop_table", "rename_table"}
NARROWS = {"new_column_name", "type_"}  # arguments of alter_column


def test_the_newest_revision_is_alembics_head() -> None:
    from alembic.script import ScriptDirectory  # not at the top: each process of the test run imports this file

    assert known_revisions()[-1] == ScriptDirectory(str(VERSIONS.parent)).get_current_head()


def test_the_api_starts_without_alembic_and_sqlalchemy() -> None:
    code = "import sys, app.main; print(*({'alembic', 'sqlalchemy'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_revision_that_declares_nothing_works_with_all_older_code() -> None:
    known = known_revisions()
    assert known[0] == "0001"
    assert {oldest_code(one) for one in known} <= set(known)
    assert oldest_code(known[0]) == known[0]


KNOWN = ["0001", "0002"]


@pytest.mark.parametrize(
    ("found", "comment", "says"),
    [
        ("0002", None, None),
        ("0001", "0001 works with 0001", "revision 0002 is needed"),
        (None, None, "was never migrated"),
        ("0009", None, "which is newer than 0002"),
        ("0009", "0009 works with 0002", None),
        ("0009", "0009 works with 0001", None),
        ("0009", "0009 works with 0003", "which is newer than 0002"),  # it has dropped what this code uses
        ("0009", "0002 works with 0001", "which is newer than 0002"),  # the comment is of another revision
        ("0009", "something else", "which is newer than 0002"),
    ],
)
def test_code_works_with_its_own_revision_and_with_newer_ones_that_say_so(
    found: str | None, comment: str | None, says: str | None
) -> None:
    problem = mismatch(found, comment, KNOWN)
    assert (problem is None) == (says is None)
    assert (says or "") in (problem or "")


def breaks_older_code(source: str) -> list[str]:
    """What an upgrade does to the schema that code of an older revision may not survive."""
    tree = ast.parse(source)
    (upgrade,) = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == "upgrade"]
    found = []
    for call in (node for node in ast.walk(upgrade) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        given = {one.arg: ast.unparse(one.value) for one in call.keywords}
        narrows = name == "alter_column" and (given.keys() & NARROWS or given.get("nullable") == "False")
        column = call.args[1] if name == "add_column" and isinstance(call.args[1], ast.Call) else None
        added = {one.arg: ast.unparse(one.value) for one in column.keywords} if column else {}
        required = added.get("nullable") == "False" and "server_default" not in added
        if name in TAKES_AWAY or narrows or required:
            found.append(ast.unparse(call))
    return found


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("*.py")), ids=lambda path: path.stem)
def test_a_revision_that_breaks_older_code_says_so(path: Path) -> None:
    source = path.read_text()
    assert not breaks_older_code(source) or "\nworks_with = " in source


@pytest.mark.parametrize(
    ("step", "breaks"),
    [
        ('op.drop_column("orders", "code")', True),
        ('op.alter_column("orders", "code", new_column_name="reason")', True),
        ('op.alter_column("orders", "code", nullable=False)', True),
        ('op.alter_column("orders", "code", comment="why")', False),
        ('op.add_column("orders", sa.Column("venue", sa.Text(), nullable=False))', True),
        ('op.add_column("orders", sa.Column("venue", sa.Text(), server_default="", nullable=False))', False),
        ('op.add_column("orders", sa.Column("venue", sa.Text()))', False),
    ],
)
def test_what_breaks_older_code(step: str, breaks: bool) -> None:
    source = f"def upgrade() -> None:\n    {step}\n\n\ndef downgrade() -> None:\n    op.drop_table('orders')\n"
    assert bool(breaks_older_code(source)) is breaks
