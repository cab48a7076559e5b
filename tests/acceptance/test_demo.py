"""docs/demo.md, done as it is printed: each of its commands works, and shows what the page says."""

import re
import tempfile
from pathlib import Path

from tests.acceptance.stack import eventually, running, steps

STEPS = steps("docs/demo.md")
SEEN = [
    ["5 orders: 5 confirmed", "won"],
    ['"dex":', '"quotes":'],
    ['"success":true', '"orderId":'],
    ["submitted", "confirmed"],
    ['"count":5'],
    ['"startsPerMinute":100', '"running":'],
    ['"totalFailed":5', '"clearedCount":5'],
]
PLACES, KILLS, LEAVES_DEAD_LETTERS = 2, 3, 6


def test_each_step_shows_what_it_is_said_to_show() -> None:
    assert len(STEPS) == len(SEEN)
    with tempfile.TemporaryDirectory(prefix="engine demo ") as directory:
        Path(directory).chmod(0o711)
        with running(Path(directory) / "home", RETRY_BASE_SECONDS="0.1", LEASE_SECONDS="1") as stack:
            for number, (step, words) in enumerate(zip(STEPS, SEEN, strict=True)):
                if number == LEAVES_DEAD_LETTERS:
                    eventually(lambda: '"totalFailed":5' in stack.shown(f"curl -s {stack.url}/api/dlq/stats"))
                told = stack.shown(step)
                assert all(word in told for word in words), told
                if number == KILLS:
                    assert len(set(re.findall(r"tx (\w+)", told))) == 1
                if number == PLACES:
                    assert '"idempotent":true' in stack.shown(step)
