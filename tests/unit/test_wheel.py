"""The wheel has everything of the engine inside one package, and its command runs beside others of the same names."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from app.settings import Settings

CLONE = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "worker", "migrations")
ASK = """
import os, sys
import order_execution_engine as wrapper
sys.argv = ["engine", "--version"]
try:
    wrapper.main()
except SystemExit:
    pass
import app.settings
print(app.__file__, app.settings.load().engine_home, os.environ["PYTHONPATH"].split(os.pathsep)[0], sep="\\n")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel puts into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=CLONE, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


def clean() -> dict[str, str]:
    """Our environment, without settings of the engine."""
    return {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}


def test_the_wheel_has_every_file_in_one_package(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"order_execution_engine"}
    inside = installed / "order_execution_engine"
    for package in PACKAGES:
        ours = {path for path in (CLONE / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        assert {path.relative_to(CLONE) for path in ours} == {
            path.relative_to(inside) for path in (inside / package).rglob("*") if path.is_file()
        }


def test_the_command_runs_beside_another_project_with_a_package_of_that_name(installed: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "app").mkdir(parents=True)
    (other / "app" / "__init__.py").write_text("raise RuntimeError('the wrong app')")
    environment = clean() | {"PYTHONPATH": f"{other}{os.pathsep}{installed}", "XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", ASK], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    inside = installed / "order_execution_engine"
    assert done.stderr == ""
    assert done.stdout.splitlines()[1:] == [
        str(inside / "app" / "__init__.py"),
        str(tmp_path / "state" / "order-execution-engine"),
        str(inside),
    ]


@pytest.mark.parametrize("home", [None, "home"])
def test_its_file_of_settings_is_beside_its_data_and_not_that_of_another_project(
    installed: Path, tmp_path: Path, home: str | None
) -> None:
    folder = tmp_path / (home or "state/order-execution-engine")
    folder.mkdir(parents=True)
    (folder / ".env").write_text("PORT=4001\n")
    project = tmp_path / "project"
    project.mkdir()
    (project / ".env").write_text("PORT=4002\nDATABASE_URL=postgresql://theirs\n")
    settings = {"PYTHONPATH": str(installed / "order_execution_engine"), "XDG_STATE_HOME": str(tmp_path / "state")}
    settings |= {"ENGINE_HOME": str(folder)} if home else {}
    ask = "from app.settings import load; print(load().port, load().database_url)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", ask],
        cwd=project,
        env=clean() | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "4001 None\n"
