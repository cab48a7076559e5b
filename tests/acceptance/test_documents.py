"""The commands of README.md and docs/demo.md, run as printed: each works and prints what the document says."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres_template
from tests.acceptance.stack import CLONE, Stack, commands, eventually, running

README = commands("README.md")
MAKE, PLACE, WATCH, DOCKER = range(4)

DEMO = commands("docs/demo.md")
EXPECTED = [
    ["5 orders: 5 confirmed", "won"],
    ['"dex":', '"quotes":'],
    ['"success":true', '"orderId":'],
    ["submitted", "confirmed"],
    ['"count":5'],
    ['"startsPerMinute":100', '"running":'],
    ["open", "% away", '"price":160', "fired at 159.", "confirmed", '"fromSlot":'],
    ['"totalFailed":5', '"clearedCount":5'],
]
PLACES_ORDER, KILLS_WORKER, READS_DEAD_LETTERS = 2, 3, 7

# Shorter waits than the defaults. An execution still outlasts the kill in the demo, 1.5 s after `engine submit`.
FAST = {
    "MOCK_EXECUTION_MS_MIN": "2000",
    "MOCK_EXECUTION_MS_MAX": "2000",
    "RETRY_BASE_SECONDS": "0.1",
    "LEASE_SECONDS": "1",
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="engine documents ") as directory:
        Path(directory).chmod(0o711)
        postgres_template.copy_to(home := Path(directory) / "home")
        with running(home, **FAST) as stack:
            yield stack


def test_the_readme_places_one_order_and_follows_it_to_its_end(stack: Stack) -> None:
    placed = json.loads(stack.run(README[PLACE]))
    stream = stack.run(README[WATCH])
    again = json.loads(stack.run(README[PLACE]))
    assert re.findall(r"\b(pending|routing|building|submitted|confirmed)\b", stream)[-1] == "confirmed"
    assert (again["orderId"], again["status"], again["idempotent"]) == (placed["orderId"], "confirmed", True)
    assert placed["orderId"] in stream
    [printed] = re.findall(r"^```json\n(.*?)^```$", (CLONE / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert {name: type(value) for name, value in json.loads(printed).items()} == {
        name: type(value) for name, value in placed.items()
    }


def test_the_other_commands_of_the_readme_are_tested_elsewhere() -> None:
    # `make up` by test_up.py, `make test` by this test run. The compose file is checked, its images are not run.
    assert len(README) == 4, "every command of the README has a test"
    assert re.findall(r"^make (\w+)", README[MAKE], re.MULTILINE) == ["up", "test"]
    assert README[DOCKER] == "cp .env.example .env && docker compose up\n"


def test_every_step_of_the_demo_prints_what_the_demo_says(stack: Stack) -> None:
    assert len(DEMO) == len(EXPECTED)
    for number, (step, texts) in enumerate(zip(DEMO, EXPECTED, strict=True)):
        if number == READS_DEAD_LETTERS:
            eventually(lambda: '"totalFailed":5' in stack.run(f"curl -s {stack.url}/api/dlq/stats"))
        printed = stack.run(step)
        assert all(text in printed for text in texts), printed
        if number == KILLS_WORKER:
            eventually(lambda: "stopped (killed by SIGKILL)" in stack.output)
            assert len(set(re.findall(r"tx (\w+)", printed))) == 1
        if number == PLACES_ORDER:
            assert '"idempotent":true' in stack.run(step)
