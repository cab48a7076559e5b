"""README.md, done as it is printed."""

import json
import re
import tempfile
from pathlib import Path

from tests.acceptance.stack import CLONE, running, steps

STEPS = steps("README.md")
TWO_COMMANDS, PLACE, WATCH, DOCKER = range(4)


def test_the_order_by_hand_is_made_once_and_told_to_its_end() -> None:
    assert len(STEPS) == 4, "each command of the README has a test"
    with tempfile.TemporaryDirectory(prefix="engine readme ") as directory:
        Path(directory).chmod(0o711)
        with running(Path(directory) / "home") as stack:
            answer = json.loads(stack.shown(STEPS[PLACE]))
            stream = stack.shown(STEPS[WATCH])
            again = json.loads(stack.shown(STEPS[PLACE]))
    assert re.findall(r"\b(pending|routing|building|submitted|confirmed)\b", stream)[-1] == "confirmed"
    assert (again["orderId"], again["status"], again["idempotent"]) == (answer["orderId"], "confirmed", True)
    assert answer["orderId"] in stream
    [printed] = re.findall(r"^```json\n(.*?)^```$", (CLONE / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert {name: type(value) for name, value in json.loads(printed).items()} == {
        name: type(value) for name, value in answer.items()
    }


def test_the_other_commands_are_those_that_are_tested_elsewhere() -> None:
    # `make up` and `make test`: this very run, and test_up.py. Compose: its file is checked, its images are not run.
    assert re.findall(r"^make (\w+)", STEPS[TWO_COMMANDS], re.MULTILINE) == ["up", "test"]
    assert STEPS[DOCKER] == "cp .env.example .env && docker compose up\n"
