"""The newest revision, read from the files. Every API process needs it, and importing Alembic for it takes 0.5 s."""

import re
from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"


def newest_revision() -> str:
    """The revision that this code needs: the one that no other builds on.

    Revisions look as `script.py.mako` writes them, one after the other: there are no merges.
    """
    text = "\n".join(path.read_text() for path in VERSIONS.glob("*.py"))
    revisions: set[str] = set(re.findall(r"^revision = [\"'](\w+)[\"']$", text, re.MULTILINE))
    parents = set(re.findall(r"^down_revision = [\"'](\w+)[\"']$", text, re.MULTILINE))
    [newest] = revisions - parents
    return newest
