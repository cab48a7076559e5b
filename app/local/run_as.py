"""Whom the embedded servers run as, and which places that user can reach.

Postgres refuses to run as root. Started by root the servers therefore run as `nobody`, who cannot look
below a directory like /root: what they need, programs and data, then lies on the `SHELF`.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.local import CannotStart

SHARED_DIR = Path("/var/lib/order-execution-engine")


@dataclass(frozen=True)
class Account:
    user: int | None = None
    group: int | None = None

    @property
    def run_as(self) -> dict[str, Any]:
        """What `subprocess` has to be told; nothing when the servers run as whoever starts them."""
        if self.user is None:
            return {}
        return {"user": self.user, "group": self.group, "extra_groups": []}

    def reaches(self, path: Path) -> bool:
        """Whether this user may enter the directory, or run the program."""
        try:
            return subprocess.run(["test", "-x", path], cwd="/", check=False, **self.run_as).returncode == 0
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotStart(
                "Postgres does not run as root, and nothing may be run as nobody here; "
                "start the engine as an ordinary user, or set DATABASE_URL and REDIS_URL."
            ) from error

    def own_directory(self, path: Path) -> Path:
        """Makes the directory, for this user alone."""
        path.mkdir(mode=0o700, exist_ok=True)
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)
        return path


def choose() -> Account:
    if os.geteuid() != 0:
        return Account()
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)
