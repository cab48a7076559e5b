"""The settings, commands, files and links that the documentation names exist."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from app import client
from app.api.spec.events import DETAILS
from app.cli import main
from app.settings import Settings

CLONE = Path(__file__).resolve().parents[2]
DOCS = [CLONE / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
DOCS += sorted((CLONE / "docs").rglob("*.md"))
DOCS += [CLONE / "clients" / language / "README.md" for language in ("python", "typescript")]
DEPLOYED = sorted(path for path in (CLONE / "deploy").iterdir() if path.suffix in (".json", ".yaml", ".toml"))
# Words with a meaning that only this project knew. The tables that `make bench` and `make chaos` write are left out.
PRIVATE_WORDS = re.compile(
    r"\b(the (book|bell)|in line|told|whoever|what is no|for ever|sign of life|of its own accord)\b", re.IGNORECASE
)
BY_NAME = [
    "tests/compose",
    "tests/browser",
    "tests/java",
    "tests/site",
    "tests/typescript",
]  # `make` has a target for each
GENERATED = re.compile(r"<!-- (\w+): begin -->.*?<!-- \1: end -->", re.DOTALL)


def commands() -> set[str]:
    groups = {group.name for group in main.registered_groups if group.name}
    return groups | {
        command.name or command.callback.__name__ for command in main.registered_commands if command.callback
    }


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*##", (CLONE / "Makefile").read_text(), flags=re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_settings_table_has_the_defaults_of_the_code() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", (CLONE / "README.md").read_text(), flags=re.MULTILINE)
    assert len(rows) > 10
    for name, default in rows:
        field = Settings.model_fields[name.lower()]
        assert default == ("" if field.default in (None, ()) else str(field.default)), name


def test_the_guide_lists_the_fields_of_each_event() -> None:
    text = (CLONE / "docs" / "guide.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z]+)` \| .*? \| (.*?) ?\|$", text, flags=re.MULTILINE))
    assert list(rows) == ["pending", "routing", "building", "submitted", "confirmed"]
    for status, fields in rows.items():
        assert set(re.findall(r"`(\w+)`", fields)) == DETAILS[status][0].keys() - {"quotes"}, status


@pytest.mark.parametrize("page", DOCS, ids=lambda path: path.name)
def test_a_link_leads_to_a_file_and_a_command_exists(page: Path) -> None:
    text = page.read_text()
    for link, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text):
        target = page.parent / link if link else page
        assert "://" in link or target.exists(), link
        assert not anchor or anchor in anchors(target), f"{link}#{anchor}"
    for named in re.findall(r"`((?:app|worker|migrations|tests|docs|deploy)/[\w./-]+)`", text):
        assert (CLONE / named).exists(), named
    assert set(re.findall(r"(?:\.venv/bin/|`)engine ([a-z]+[a-z-]*)", text)) <= commands()
    assert set(re.findall(r"`?make ([a-z-]+)`", text)) <= make_targets()


@pytest.mark.parametrize("page", DOCS, ids=lambda path: path.name)
def test_a_page_is_written_in_words_that_a_newcomer_knows(page: Path) -> None:
    assert PRIVATE_WORDS.findall(GENERATED.sub("", page.read_text())) == []


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


def test_the_page_of_the_command_line_lists_every_command_and_exit_code() -> None:
    page = (CLONE / "docs" / "cli.md").read_text()
    assert set(re.findall(r"^\| `engine ([a-z-]+)", page, flags=re.MULTILINE)) == commands()
    codes = {0, 2, client.FAILED, client.NOT_NOW, client.UNCERTAIN, client.INTERRUPTED, client.TERMINATED}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE)} == codes


def test_every_test_file_is_in_a_folder_that_is_run() -> None:
    settings = tomllib.loads((CLONE / "pyproject.toml").read_text())
    run = [CLONE / path for path in settings["tool"]["pytest"]["ini_options"]["testpaths"] + BY_NAME]
    files = [path for path in (CLONE / "tests").rglob("test_*.py") if not {"node_modules", ".venv"} & set(path.parts)]
    assert [path for path in files if not any(path.is_relative_to(folder) for folder in run)] == []
