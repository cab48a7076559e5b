"""An API process knows the newest revision of the schema without Alembic."""

import subprocess
import sys

from alembic.script import ScriptDirectory

from migrations.revisions import VERSIONS, newest_revision


def test_the_newest_revision_is_alembics_head() -> None:
    assert newest_revision() == ScriptDirectory(str(VERSIONS.parent)).get_current_head()


def test_the_api_starts_without_alembic_and_sqlalchemy() -> None:
    code = "import sys, app.main; print(*({'alembic', 'sqlalchemy'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
