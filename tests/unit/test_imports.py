"""Which package may import which. docs/architecture.md draws the same table, and another test compares the two."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CLONE = Path(__file__).resolve().parents[2]
ROOTS = ("app", "worker", "migrations")

# Shared by all packages, and left out of the table and of the diagram. They import nothing but each other.
BASE_MODULES = frozenset(
    {
        *("app.settings", "app.solana_settings", "app.logs", "app.metrics", "app.tasks", "app.batching"),
        *("app.audit", "app.postgres", "app.redis_client", "app.redis_scripts"),
        *("app.keepalive", "app.open_files", "app.tls", "app.tracing"),
    }
)
# package, or module at the top of `app` → the packages it may import
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "app.access": frozenset(),
    "app.api": frozenset({"app.access", "app.dex", "app.network", "app.orders", "app.webhooks"}),
    "app.cli": frozenset(
        {
            *("app.access", "app.client", "app.doctor", "app.local", "app.localnet", "app.maintenance"),
            *("app.orders", "app.server", "app.watcher", "migrations", "worker"),
        }
    ),
    "app.client": frozenset({"app.local"}),
    "app.dex": frozenset(),
    "app.doctor": frozenset(
        {"app.client", "app.local", "app.orders", "app.preflight", "app.server", "migrations"},
    ),
    "app.local": frozenset({"app.preflight", "app.server", "migrations"}),
    "app.localnet": frozenset({"app.dex"}),
    "app.main": frozenset(
        {"app.access", "app.api", "app.network", "app.orders", "app.preflight", "app.webhooks", "migrations"}
    ),
    "app.maintenance": frozenset({"app.local", "app.orders", "migrations"}),
    "app.network": frozenset({"app.dex", "app.localnet", "app.mockchain"}),
    "app.mockchain": frozenset({"app.dex"}),
    "app.orders": frozenset(),
    "app.preflight": frozenset(),
    "app.schema": frozenset({"app.orders"}),
    "app.server": frozenset({"app.access", "app.api", "app.preflight"}),
    "app.watcher": frozenset({"app.dex", "app.network", "app.orders", "app.preflight", "app.webhooks", "migrations"}),
    "app.webhooks": frozenset({"app.orders"}),
    "migrations": frozenset({"app.orders", "app.schema"}),
    "worker": frozenset({"app.dex", "app.network", "app.orders", "app.preflight", "migrations"}),
}
# library → the packages and modules that may import it
LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "alembic": ("app.local.draft_migration", "migrations"),
    "arq": ("app.orders.queue", "worker"),
    "asyncpg": (
        "app.access",
        "app.audit",
        "app.doctor",
        "app.local",
        "app.maintenance",
        "app.mockchain",
        "app.orders",
        "app.postgres",
        "app.webhooks",
        "migrations",
    ),
    "fastapi": ("app.api", "app.main"),
    "httpcore": ("app.webhooks", "app.dex.adapters.connections"),
    "httpx": ("app.client", "app.dex.adapters"),
    "opentelemetry": ("app.logs", "app.tracing"),
    "redis": (
        "app.access",
        "app.doctor",
        "app.local",
        "app.orders",
        "app.preflight",
        "app.redis_client",
        "app.redis_scripts",
        "worker",
    ),
    "solders": ("app.dex.adapters", "app.localnet"),
    "sqlalchemy": ("app.schema", "migrations"),
    "standardwebhooks": ("app.webhooks",),
    "starlette": ("app.access", "app.api", "app.localnet", "app.main"),
    "uvicorn": ("app.localnet", "app.server"),
}
MAX_FILES_IN_A_FOLDER = 15
MAX_LINES = 250


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
                # `from app.orders import model` means the module, `from app.orders.model import Order` does not.
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules() else node.module


@cache
def imports() -> dict[str, frozenset[str]]:
    """What each module imports, wherever in its text."""
    return {name: frozenset(_imported(ast.parse(path.read_text()))) for name, path in modules().items()}


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def part(module: str) -> str:
    """The row of the table that a module belongs to."""
    return next((package for package in MAY_IMPORT if within(module, package)), module)


def base(module: str) -> str:
    """The base module, or the base package, that a module belongs to; or the module."""
    return next((name for name in BASE_MODULES if within(module, name)), module)


def imports_between_parts() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for module, names in imports().items():
        for name in names & modules().keys():
            if part(module) != part(name) and not {base(module), base(name)} & BASE_MODULES:
                found[part(module)].add(part(name))
    return found


def circle(graph: Mapping[str, set[str]]) -> str | None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " -> ".join(error.args[1])
    return None


def test_packages_import_what_the_table_allows_and_use_all_of_it() -> None:
    real = imports_between_parts()
    assert real == {package: set(others) for package, others in MAY_IMPORT.items() if others}


def test_the_base_modules_import_only_each_other_and_are_used() -> None:
    used = defaultdict[str, set[str]](set)
    for module, names in imports().items():
        used[base(module)] |= set(map(base, names & modules().keys())) - {base(module)}
    assert set().union(*(used[module] for module in BASE_MODULES)) <= BASE_MODULES
    assert set().union(*used.values()) >= BASE_MODULES


def test_only_the_market_module_knows_that_the_market_is_simulated() -> None:
    simulation = ("app.dex.simulated", "app.mockchain")
    others = [
        module
        for module, names in imports().items()
        if any(within(name, package) for name in names for package in simulation)
        and not any(within(module, package) for package in ("app.network", *simulation))
    ]
    assert others == []


def test_the_engine_runs_without_the_packages_of_a_real_chain() -> None:
    """They are an extra. The image does not have them."""
    network = ("app.network.solana", "app.network.genesis", "app.network.localnet")
    real = ("app.dex.adapters", "app.localnet", *network)
    others = [
        module
        for module, path in modules().items()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(within(name, package) for name in _imported(node) for package in real)
        and not any(within(module, package) for package in real)
    ]
    assert others == []


def test_no_module_imports_itself_in_a_circle() -> None:
    assert circle({name: {other for other in names if other in modules()} for name, names in imports().items()}) is None


def test_no_package_imports_itself_in_a_circle() -> None:
    assert circle(imports_between_parts()) is None


@pytest.mark.parametrize("package", ["app.api", "app.dex", "app.local", "app.orders", "app.server", "worker"])
def test_inside_a_package_no_folder_imports_itself_in_a_circle(package: str) -> None:
    depth = package.count(".") + 2

    def child(module: str) -> str:
        return ".".join(module.split(".")[:depth])

    graph: dict[str, set[str]] = defaultdict(set)
    for module, names in imports().items():
        if within(module, package):
            inside = {child(name) for name in names & modules().keys() if within(name, package)}
            graph[child(module)] |= inside - {child(module)}
    assert circle(graph) is None


@pytest.mark.parametrize(("library", "allowed"), LIBRARIES.items())
def test_a_library_is_imported_only_where_it_belongs(library: str, allowed: tuple[str, ...]) -> None:
    others = [
        module
        for module, names in imports().items()
        if any(within(name, library) for name in names) and not any(within(module, place) for place in allowed)
    ]
    assert others == []


def test_files_and_folders_stay_small_enough_to_read() -> None:
    long = [name for name, path in modules().items() if len(path.read_text().splitlines()) > MAX_LINES]
    folders = {path.parent for path in modules().values()} - {CLONE / "migrations" / "versions"}  # which only grows
    full = [folder.name for folder in folders if len(list(folder.glob("*.py"))) > MAX_FILES_IN_A_FOLDER]
    assert (long, full) == ([], [])


def test_the_command_imports_its_processes_only_when_they_run() -> None:
    """`engine --help` is quick."""
    files = [path for name, path in modules().items() if within(name, "app.cli")]
    top = [node for path in files for node in ast.parse(path.read_text()).body]
    at_once = {name for node in top if isinstance(node, ast.Import | ast.ImportFrom) for name in _imported(node)}
    ours = {name for name in at_once if name in modules() and not within(name, "app.cli")}
    assert ours <= {"app.settings", "app.local"}


def test_the_supervisor_starts_without_the_web_framework() -> None:
    """`engine up` needs one socket of the server, and none of what the API process imports."""
    heavy = ("fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic")
    code = f"import sys, app.local.supervisor; sys.exit(str([name for name in {heavy!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=CLONE, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
