"""What the papers say of settings, commands and files is so."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from app.api.spec.asyncapi import DETAILS
from app.cli import main
from app.settings import Settings

CLONE = Path(__file__).resolve().parents[2]
PAPERS = [CLONE / "README.md", *sorted(CLONE.glob("CONTRIBUTING.md")), *sorted((CLONE / "docs").rglob("*.md"))]
DEPLOYED = sorted(path for path in (CLONE / "deploy").iterdir() if path.suffix in (".json", ".yaml", ".toml"))


def commands() -> set[str]:
    groups = {group.name for group in main.registered_groups if group.name}
    return groups | {
        command.name or command.callback.__name__ for command in main.registered_commands if command.callback
    }


def test_the_settings_table_has_the_defaults_of_the_code() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", (CLONE / "README.md").read_text(), flags=re.MULTILINE)
    assert len(rows) > 10
    for name, default in rows:
        field = Settings.model_fields[name.lower()]
        assert default == ("" if field.default in (None, ()) else str(field.default)), name


def test_the_guide_names_what_each_event_says() -> None:
    text = (CLONE / "docs" / "guide.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z]+)` \| .*? \| (.*?) ?\|$", text, flags=re.MULTILINE))
    assert list(rows) == ["pending", "routing", "building", "submitted", "confirmed"]
    for status, says in rows.items():
        assert set(re.findall(r"`(\w+)`", says)) == DETAILS[status][0].keys() - {"quotes"}, status


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_a_link_leads_to_a_file_and_a_command_exists(paper: Path) -> None:
    text = paper.read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in link or (paper.parent / link).exists(), link
    for named in re.findall(r"`((?:app|worker|migrations|tests|docs|deploy)/[\w./-]+)`", text):
        assert (CLONE / named).exists(), named
    assert set(re.findall(r"(?:\.venv/bin/|`)engine ([a-z]+)", text)) <= commands()
    targets = set(re.findall(r"^([a-z-]+):.*##", (CLONE / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)`", text)) <= targets


@pytest.mark.parametrize("file", DEPLOYED, ids=lambda path: path.name)
def test_a_deployment_runs_commands_and_sets_settings_that_exist(file: Path) -> None:
    text = file.read_text()
    if file.suffix == ".json":
        json.loads(text)
    if file.suffix == ".toml":
        assert (file.parent / tomllib.loads(text)["build"]["dockerfile"]).exists()
    run = set(re.findall(r"\bengine ([a-z]+)\b", text))
    assert run
    assert run <= commands()
    names = set(re.findall(r"(?:key: |^)([A-Z_]{4,})(?:$| =)", text, flags=re.MULTILINE))
    assert names <= {name.upper() for name in Settings.model_fields}


def test_every_test_is_run_by_something() -> None:
    settings = tomllib.loads((CLONE / "pyproject.toml").read_text())
    run = [CLONE / path for path in (*settings["tool"]["pytest"]["ini_options"]["testpaths"], "tests/browser")]
    files = [path for path in (CLONE / "tests").rglob("test_*.py") if "node_modules" not in path.parts]
    assert [path for path in files if not any(path.is_relative_to(folder) for folder in run)] == []
