"""Runs postman_collection.json with newman against `engine up` with an empty database.

Not part of `make test`, which needs only Python: newman needs node. `make test-postman` installs it from its lock file.
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
        # Started by root, the servers run under another account, which has to get in.
        Path(made).chmod(0o711)
        home = Path(made) / "home"
        home.mkdir(mode=0o711)
        stack = Stack(home)
        try:
            stack.up()
            eventually(stack.healthy)
            base_url = f"baseUrl={stack.url}"
            return subprocess.run([NEWMAN, "run", CLONE / "postman_collection.json", "--env-var", base_url]).returncode
        finally:
            stack.close()


if __name__ == "__main__":
    sys.exit(main())
