"""The account that runs the embedded servers, and the paths it can reach.

Postgres refuses to run as root. If root starts the engine, the servers run as `nobody`, which cannot enter a directory
like /root. Programs and data that `nobody` cannot reach there are placed in SHARED_DIR.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from app.local import CannotStart

SHARED_DIR = Path("/var/lib/order-execution-engine")


@dataclass(frozen=True)
class Account:
    """None: the account of this process."""

    user: int | None = None
    group: int | None = None

    @property
    def popen_options(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        return {"user": self.user, "group": self.group, "extra_groups": []}

    def can_execute(self, path: Path) -> bool:
        """Whether this account can enter the directory, or run the program."""
        try:
            return subprocess.run(["test", "-x", path], cwd="/", check=False, **self.popen_options).returncode == 0
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotStart(
                "Postgres does not run as root, and this environment does not allow it to run as nobody; "
                "start the engine as an ordinary user, or set DATABASE_URL and REDIS_URL."
            ) from error

    def own_directory(self, path: Path) -> Path:
        """Creates the directory; only this account can enter it."""
        path.mkdir(mode=0o700, exist_ok=True)
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)
        return path

    def create_file(self, path: Path) -> BinaryIO:
        """A new file, open for writing, that only this account can ever read. It replaces a file of this name."""
        path.unlink(missing_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        if self.user is not None:
            os.fchown(file, self.user, -1)
        return open(file, "wb")


def choose() -> Account:
    if os.geteuid() != 0:
        return Account()
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)
