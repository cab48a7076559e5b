"""An API process knows the newest revision of the schema without Alembic."""

import subprocess
import sys

import pytest

from app.orders.store.revision import mismatch
from migrations.revisions import VERSIONS, known_revisions, oldest_code


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
