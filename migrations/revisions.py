"""The revisions of the schema, read from their files. Every process needs them, and importing Alembic takes 0.5 s."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"


def known_revisions() -> list[str]:
    """All revisions, the oldest first. This code needs the last one.

    Revisions look as `script.py.mako` writes them, one after the other: there are no merges.
    """
    parents = _declared("down_revision")
    [newest] = _declared("revision").keys() - set(parents.values())
    ordered = [newest]
    while parent := parents.get(ordered[0]):
        ordered.insert(0, parent)
    return ordered


def oldest_code(revision: str) -> str:
    """The oldest revision whose code works with the schema of this one.

    Most revisions only add something, and do not change it. One that drops something declares `works_with`.
    """
    declared = _declared("works_with")
    known = known_revisions()
    for one in reversed(known[: known.index(revision) + 1]):
        if one in declared:
            return declared[one]
    return known[0]


@cache
def _declared(name: str) -> Mapping[str, str]:
    """The value of this variable in each revision that has it: a text."""
    found = {}
    for path in VERSIONS.glob("*.py"):
        values = dict(re.findall(r"^(\w+) = [\"'](\w+)[\"']$", path.read_text(), re.MULTILINE))
        if name in values:
            found[values["revision"]] = values[name]
    return found
