"""The `engine` command. A wheel has `app`, `worker` and `migrations` inside this package: others have such names too.

In a clone they are found beside each other, as ever, and there is nothing in this directory.
"""

import os
import sys
from pathlib import Path

HERE = str(Path(__file__).resolve().parent)


def main() -> None:
    # First, and for the processes that `engine up` starts: a package of another project may be called `app`.
    sys.path.insert(0, HERE)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (HERE, os.environ.get("PYTHONPATH"))))
    from app.cli import main as run

    run()
