"""The interpreter that is measured, and virtual environments for another one and for the durable peer."""

import hashlib
import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.bench.client import CLONE

ENGINE_VENV = CLONE / "tests" / "bench" / ".venv"
ENGINE_LOCK = CLONE / "requirements-dev.lock"


def base() -> Path:
    """The interpreter that this environment was made from."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def environment(lock: Path, at: Path, python: Path) -> Path:
    """The python of an environment with these packages. It is made again when the interpreter or the lock changes."""
    wanted, made = f"{python} {hashlib.sha256(lock.read_bytes()).hexdigest()}", at / "made"
    if not made.is_file() or made.read_text() != wanted:
        subprocess.run([CLONE / "deploy" / "make-venv", lock, at], env=os.environ | {"PYTHON": str(python)}, check=True)
        made.write_text(wanted)
    return at / "bin" / "python"


def run_with(python: Path, arguments: list[str]) -> None:
    """Replaces this process by the benchmark on another interpreter."""
    other = str(environment(ENGINE_LOCK, ENGINE_VENV, python.resolve()))
    os.chdir(CLONE)
    os.execv(other, [other, "-m", "tests.bench", *arguments])


def described() -> str:
    """Its version, and whether its build flags ask for optimisation by profile (PGO)."""
    built = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return platform.python_version() + " (PGO)" * built
