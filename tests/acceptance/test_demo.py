"""docs/demo.md, done as it is printed: each of its commands works, and shows what the page says."""

import re
import subprocess
import tempfile
from pathlib import Path

from tests.acceptance.stack import environment, eventually, running

CLONE = Path(__file__).resolve().parents[2]
STEPS = re.findall(r"^```sh\n(.*?)^```$", (CLONE / "docs" / "demo.md").read_text(), re.DOTALL | re.MULTILINE)
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

            def shown(step: str) -> str:
                ran = subprocess.run(
                    ["bash", "-euc", step.replace("http://localhost:3000", stack.url)],
                    cwd=CLONE,
                    env=environment(stack.home, **stack.settings),
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=60,
                )
                assert ran.returncode == 0, f"{step}\n{ran.stdout}\n{ran.stderr}"
                return ran.stdout

            for number, (step, words) in enumerate(zip(STEPS, SEEN, strict=True)):
                if number == LEAVES_DEAD_LETTERS:
                    eventually(lambda: '"totalFailed":5' in shown(f"curl -s {stack.url}/api/dlq/stats"))
                told = shown(step)
                assert all(word in told for word in words), told
                if number == KILLS:
                    assert len(set(re.findall(r"tx (\w+)", told))) == 1
                if number == PLACES:
                    assert '"idempotent":true' in shown(step)
