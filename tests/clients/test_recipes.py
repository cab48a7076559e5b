"""The recipes, run as printed. The bots are those of the READMEs: test_python_bot.py, and `make test-clients`."""

import asyncio
import re
from pathlib import Path
from typing import Any

import orjson

from tests.engine import Engine

CLONE = Path(__file__).resolve().parents[2]
RECIPES = (CLONE / "docs" / "recipes.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", RECIPES, re.DOTALL | re.MULTILINE)


async def answer_to(command: str, engine: Engine) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        "bash", "-euc", command.replace("http://localhost:3000", engine.base_url), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return orjson.loads(output)  # type: ignore[no-any-return]


def test_the_page_shows_the_bots_as_they_are() -> None:
    assert blocks("python")[1] == (CLONE / "clients" / "python" / "examples" / "bot.py").read_text()
    assert blocks("ts") == [(CLONE / "clients" / "typescript" / "examples" / "bot.mts").read_text()]


async def test_the_commands_do_what_the_page_says(engine: Engine) -> None:
    webhook, limit, moved, dca = [await answer_to(command, engine) for command in blocks("sh")]
    assert (webhook["secret"][:6], webhook["statuses"]) == ("whsec_", ["confirmed"])
    assert (limit["status"], moved["price"], dca["status"]) == ("open", 160, "open")
    printed: list[str] = []
    program = compile(blocks("python")[0].replace("http://localhost:3000", engine.base_url), "recipes.md", "exec")
    await asyncio.to_thread(exec, program, {"print": lambda *words: printed.append(str(words[0]))})
    assert printed[0].startswith("Slices(total=10, filled=0")
