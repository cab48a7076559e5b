"""docs/architecture.md draws what the code is: its arrows are the imports, its states the lifecycle."""

import re
from pathlib import Path

from app.orders.lifecycle import MOVES, TERMINAL
from tests.unit.test_imports import imports, modules, within

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGES = ("app.access", "app.api", "app.client", "app.dex", "app.local", "app.mockchain", "app.orders")
START = "[*]"


def drawn(kind: str) -> set[tuple[str, str]]:
    [picture] = re.findall(rf"^```mermaid\n{kind}\b.*?\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    lines = picture.splitlines()
    arrows = [tuple(line.split(" --> ")) for line in map(str.strip, lines)]
    assert len(set(arrows)) == len(lines), "an arrow is drawn twice"
    return {(who, whom) for who, whom in arrows}


def ground_floor() -> set[str]:
    [named] = re.findall(r"the base modules \((.*?)\)", PAGE, re.DOTALL)
    return set(re.findall(r"`(app\.\w+)`", named))


def part(module: str) -> str:
    """What of the picture a module belongs to: a package, or a module at the top of `app`."""
    for package in ("worker", "migrations", *PACKAGES):
        if within(module, package):
            return package
    return module


def test_every_arrow_between_parts_is_an_import_and_every_import_an_arrow() -> None:
    real = {
        (part(module), part(imported)) for module, names in imports().items() for imported in names & modules().keys()
    }
    ground = ground_floor()
    assert drawn("flowchart") == {(who, whom) for who, whom in real if who != whom and not {who, whom} & ground}


def test_the_ground_floor_knows_nobody_above_it_and_somebody_uses_each_of_it() -> None:
    ground = ground_floor()
    known = {module: names & modules().keys() for module, names in imports().items()}
    assert set().union(*(known[module] for module in ground)) <= ground
    assert ground <= set().union(*known.values())


def test_the_states_and_their_moves_are_those_of_the_lifecycle() -> None:
    moves = {(before, after) for before, onward in MOVES.items() for after in onward}
    assert drawn("stateDiagram-v2") == moves | {(START, "pending")} | {(status, START) for status in TERMINAL}


def test_whoever_does_a_step_or_writes_a_fact_exists() -> None:
    texts = [path.read_text() for path in modules().values()]
    named = re.findall(r"`([A-Z][a-z]+\w*)(?:\.([a-z]\w*))?(?:\(.*?\))?`", PAGE)
    assert len(named) > 10
    for name, method in named:
        there = [text for text in texts if re.search(rf"^class {name}\b", text, re.MULTILINE)]
        assert there, name
        if method:
            assert any(f"def {method}(" in text or f"self.{method}:" in text for text in there), f"{name}.{method}"
