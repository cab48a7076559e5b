"""Runs postman_collection.json with newman, from an empty database, against an engine as `make up` runs it.

Not part of `make test`: that needs Python only, and this needs node. `make test-postman` installs newman from its lock.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.acceptance.stack import Stack, eventually

CLONE = Path(__file__).resolve().parents[2]
NEWMAN = Path(__file__).parent / "node_modules" / ".bin" / "newman"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="engine-postman-") as made:
        # Started by root, the servers run as somebody else, who must get there.
        Path(made).chmod(0o711)
        home = Path(made) / "home"
        home.mkdir(mode=0o711)
        stack = Stack(home)
        try:
            stack.up()
            eventually(stack.healthy)
            where = f"baseUrl={stack.url}"
            return subprocess.run([NEWMAN, "run", CLONE / "postman_collection.json", "--env-var", where]).returncode
        finally:
            stack.close()


if __name__ == "__main__":
    sys.exit(main())
