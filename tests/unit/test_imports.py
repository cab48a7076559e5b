"""Who may know whom: the arrows of the layout, held against the code.

app.api -> app.orders <- worker -> app.dex <- app.api
"""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CLONE = Path(__file__).resolve().parents[2]
ROOTS = ("app", "worker", "migrations")


@cache
def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    found = {}
    for root in ROOTS:
        for path in (CLONE / root).rglob("*.py"):
            parts = path.relative_to(CLONE).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module
            for alias in node.names:
                # `from app.orders import book` means the module, `from app.orders.postgres import claim` does not.
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules() else node.module


@cache
def imports() -> dict[str, frozenset[str]]:
    """What each module imports, wherever in its text."""
    return {name: frozenset(_imported(ast.parse(path.read_text()))) for name, path in modules().items()}


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


# (who, must not import, except from these modules)
FORBIDDEN = [
    ("app.orders", "app.dex", ()),
    ("app.dex", "app.orders", ()),
    ("app.orders", "app.api", ()),
    ("app.dex", "app.api", ()),
    ("app.dex", "asyncpg", ()),
    ("app.dex", "redis", ()),
    ("app.dex", "arq", ()),
    *(("app.client", whom, ()) for whom in ("app.orders", "app.dex", "app.api", "app.access", "asyncpg", "redis")),
    ("app.mockchain", "app.orders", ()),
    ("app", "worker", ("app.cli",)),
    ("migrations", "worker", ()),
    ("worker", "app.api", ()),
    ("app", "app.mockchain", ("app.mockchain",)),
    ("worker", "app.mockchain", ("worker.main",)),
    *(
        (root, framework, ("app.main", "app.api", "app.access"))
        for root in ROOTS
        for framework in ("fastapi", "starlette")
    ),
]


@pytest.mark.parametrize(("who", "whom", "exceptions"), FORBIDDEN)
def test_nobody_imports_what_is_not_theirs(who: str, whom: str, exceptions: tuple[str, ...]) -> None:
    trespassers = [
        f"{module} imports {imported}"
        for module, names in imports().items()
        if within(module, who) and not any(within(module, exception) for exception in exceptions)
        for imported in names
        if within(imported, whom)
    ]
    assert trespassers == []


def test_no_module_imports_itself_in_a_circle() -> None:
    ours = {name: {other for other in names if other in modules()} for name, names in imports().items()}
    try:
        TopologicalSorter(ours).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_command_imports_its_processes_only_when_they_run() -> None:
    """`engine --help` is quick."""
    top = ast.parse(modules()["app.cli"].read_text()).body
    at_once = {name for node in top if isinstance(node, ast.Import | ast.ImportFrom) for name in _imported(node)}
    assert {name for name in at_once if name in modules()} <= {"app.settings", "app.local"}
