"""docs/architecture.md draws what the code is: its arrows are the imports, its states the lifecycle."""

import re
from pathlib import Path

from app.orders.lifecycle import MOVES, TERMINAL
from tests.unit.test_imports import BASE_MODULES, MAY_IMPORT, modules

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")
START = "[*]"


def drawn(kind: str) -> set[tuple[str, str]]:
    [diagram] = re.findall(rf"^```mermaid\n{kind}\b.*?\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    lines = diagram.splitlines()
    arrows = [tuple(line.split(" --> ")) for line in map(str.strip, lines)]
    assert len(set(arrows)) == len(lines), "an arrow is drawn twice"
    return {(source, target) for source, target in arrows}


def test_the_diagram_shows_the_table_of_allowed_imports() -> None:
    assert drawn("flowchart") == {(package, other) for package, others in MAY_IMPORT.items() for other in others}


def test_the_page_names_the_base_modules() -> None:
    [named] = re.findall(r"base modules \((.*?)\)", PAGE, re.DOTALL)
    assert set(re.findall(r"`(app\.\w+)`", named)) == BASE_MODULES


def test_the_states_and_their_moves_are_those_of_the_lifecycle() -> None:
    moves = {(before, after) for before, onward in MOVES.items() for after in onward}
    begins = {(START, "open"), (START, "pending")}
    assert drawn("stateDiagram-v2") == moves | begins | {(status, START) for status in TERMINAL}


def test_every_class_and_method_that_the_page_names_exists() -> None:
    texts = [path.read_text() for path in modules().values()]
    named = re.findall(r"`([A-Z][a-z]+\w*)(?:\.([a-z]\w*))?(?:\(.*?\))?`", PAGE)
    assert len(named) > 10
    for name, method in named:
        there = [text for text in texts if re.search(rf"^class {name}\b", text, re.MULTILINE)]
        assert there, name
        if method:
            assert any(f"def {method}(" in text or f"self.{method}:" in text for text in there), f"{name}.{method}"


def test_what_makes_orders_fire_reads_no_clock_but_that_of_postgres() -> None:
    """The market is that of a slot, and a watcher's own clock may be minutes off."""
    fires = [path for name, path in modules().items() if name.startswith(("app.watcher.", "app.orders.waiting."))]
    assert len(fires) > 15
    assert [path.name for path in fires if re.search(r"datetime\.now|utcnow|time\.time\(", path.read_text())] == []
