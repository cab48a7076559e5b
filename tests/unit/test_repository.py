"""Hooks, `make lint` and CI run the same tools, and the files that GitHub reads are valid."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.test_docs import PRIVATE_WORDS, make_targets

CLONE = Path(__file__).resolve().parents[2]
GITHUB = CLONE / ".github"
TEMPLATES = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def recipe(target: str) -> list[str]:
    """The commands that `make target` runs."""
    [found] = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", (CLONE / "Makefile").read_text(), flags=re.MULTILINE)
    return [line.strip().removeprefix("@") for line in found.splitlines()]


def ci_steps() -> list[dict[str, Any]]:
    """Those of the release too."""
    files = sorted((GITHUB / "workflows").glob("*.yml"))
    jobs = [job for file in files for job in read(file)["jobs"].values()]
    return [step for job in jobs for step in job["steps"]]


def test_the_hooks_run_the_tools_of_make_lint() -> None:
    [repo] = read(CLONE / ".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"
    tools = recipe("lint")
    assert tools
    assert [hook["entry"] for hook in repo["hooks"]] == tools
    for hook in repo["hooks"]:
        assert hook["language"] == "system", "nothing is downloaded"
        assert hook["pass_filenames"] is False, "the command names its files itself"


def test_ci_checks_the_style_and_runs_all_tests() -> None:
    assert ".ci/run" in [step.get("run") for step in ci_steps()]
    run = re.findall(r"^make (?:--[a-z-]+ )*([a-z-]+)", (CLONE / ".ci" / "run").read_text(), flags=re.MULTILINE)
    assert run == ["lint", "test", "test-browser"]


def test_ci_runs_make_targets_that_exist_and_pinned_actions() -> None:
    runs = " ".join(step.get("run", "") for step in ci_steps())
    targets = set(re.findall(r"\bmake ([a-z-]+)", runs))
    assert targets >= {"coverage", "audit"}
    assert targets <= make_targets()
    for step in ci_steps():
        assert "uses" not in step or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])


def test_a_release_is_attested_for_every_platform_that_ci_builds() -> None:
    jobs = {name: read(GITHUB / "workflows" / f"{name}.yml")["jobs"] for name in ("ci", "release")}
    platforms = {
        name: re.findall(r"--platform (\S+)", " ".join(step.get("run", "") for step in of["image"]["steps"]))
        for name, of in jobs.items()
    }
    assert platforms["ci"] == platforms["release"] == ["linux/amd64,linux/arm64"]
    for job in jobs["release"].values():
        assert job["permissions"]["attestations"] == job["permissions"]["id-token"] == "write"
        assert any(step.get("uses", "").startswith("actions/attest@") for step in job["steps"])


def test_ci_uploads_the_coverage_report_that_make_writes() -> None:
    [upload] = [step for step in ci_steps() if step.get("uses", "").startswith("actions/upload-artifact")]
    assert any(command.startswith(".venv/bin/coverage html") for command in recipe("coverage"))
    assert upload["with"]["path"] == "htmlcov"
    assert "htmlcov/" in (CLONE / ".gitignore").read_text().splitlines()
    measured = tomllib.loads((CLONE / "pyproject.toml").read_text())["tool"]["coverage"]["run"]["source"]
    assert measured == ["app", "worker"]


def test_dependabot_looks_at_actions_and_python_weekly_in_groups() -> None:
    config = read(GITHUB / "dependabot.yml")
    assert config["version"] == 2
    assert [entry["package-ecosystem"] for entry in config["updates"]] == ["github-actions", "pip"]
    for entry in config["updates"]:
        assert entry["directory"] == "/"
        assert entry["schedule"] == {"interval": "weekly"}
        assert [group["patterns"] for group in entry["groups"].values()] == [["*"]]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_an_issue_template_is_a_valid_form_in_plain_words(template: Path) -> None:
    form = read(template)
    assert form.keys() == {"name", "description", "labels", "body"}
    fields = [element for element in form["body"] if element["type"] != "markdown"]
    assert {element["type"] for element in fields} <= {"textarea", "input", "dropdown", "checkboxes"}
    ids = [element["id"] for element in fields]
    assert len(set(ids)) == len(ids)
    assert any(element.get("validations", {}).get("required") for element in fields)
    for element in form["body"]:
        assert element["attributes"]["value" if element["type"] == "markdown" else "label"]
    assert PRIVATE_WORDS.findall(template.read_text()) == []


def test_there_is_a_template_for_bugs_and_one_for_features() -> None:
    assert [path.name for path in TEMPLATES] == ["bug.yml", "feature.yml"]


def test_the_editor_wraps_where_ruff_does() -> None:
    line_length = tomllib.loads((CLONE / "pyproject.toml").read_text())["tool"]["ruff"]["line-length"]
    text = (CLONE / ".editorconfig").read_text()
    assert text.startswith("root = true\n")
    assert set(re.findall(r"max_line_length = (\d+)", text)) == {str(line_length)}
