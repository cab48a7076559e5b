"""The guide explains every problem code, and every problem says in sentences what happened."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.api.problems import Problem

CLONE = Path(__file__).resolve().parents[3]
SOURCES = sorted((CLONE / "app").rglob("*.py"))


def raised() -> Iterator[tuple[list[ast.expr], str]]:
    """The arguments of every `Problem(status, code, detail, …)`, and where it is."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
                yield node.args, f"{path.relative_to(CLONE)}:{node.lineno}"


def documented() -> dict[str, str]:
    """Code → status, from the table in the guide."""
    table = (CLONE / "docs" / "guide.md").read_text().partition("| code | status |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", table, flags=re.MULTILINE)
    return {code: status for codes, status in rows for code in re.findall(r"`(\w+)`", codes)}


def test_the_guide_explains_every_problem_code_and_no_other() -> None:
    known, text = documented(), "".join(path.read_text() for path in SOURCES)
    for (status, code, *_), where in raised():
        if isinstance(code, ast.Constant):
            assert code.value in known, f"{where}: add it to the table in docs/guide.md"
            if isinstance(status, ast.Constant):
                assert str(status.value) in known[code.value], where
    assert [code for code in known if f'"{code}"' not in text] == []


def test_every_problem_is_a_sentence() -> None:
    for (_, _, detail, *_), where in raised():
        match detail:
            case ast.Constant(value=str(sentence)):
                assert sentence[0].isupper(), where
                assert sentence.endswith("."), where


@pytest.mark.parametrize(("status", "retryable"), [(429, True), (503, True), (429, False), (409, True)])
def test_who_is_refused_because_of_the_moment_learns_when_to_come_back(status: int, retryable: bool) -> None:
    answer = Problem(status, "a_code", "A sentence.", retryable=retryable).answer("-")
    assert ("retry-after" in answer.headers) == (retryable and status != 409)
