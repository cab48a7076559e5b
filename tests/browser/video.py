"""Records the video of docs/demo.md: `make video` starts an engine, plays the demo on its page, and writes
docs/images/demo.webm. It needs Chromium and ffmpeg (Debian: apt-get install chromium ffmpeg)."""

import asyncio
import base64
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Page, ViewportSize, expect

from tests.acceptance.stack import Stack, running
from tests.browser.chromium import chromium

VIDEO = Path(__file__).resolve().parents[2] / "docs" / "images" / "demo.webm"
MAX_BYTES = 2_000_000
SIZE: ViewportSize = {"width": 1280, "height": 800}
READ_SECONDS_PER_WORD = 0.3
ENCODER = ("-c:v", "libvpx-vp9", "-crf", "40", "-b:v", "0", "-row-mt", "1", "-deadline", "good", "-cpu-used", "2")

STAGE = (Path(__file__).parent / "video_stage.js").read_text()


class Recorder:
    """The frames of a tab, each with its time."""

    def __init__(self, folder: Path, session: CDPSession) -> None:
        self._folder, self._session = folder, session
        self._frames: list[tuple[float, Path]] = []
        session.on("Page.screencastFrame", self._keep)

    async def start(self) -> None:
        await self._session.send("Page.startScreencast", {"format": "png"})

    async def stop(self) -> None:
        await self._session.send("Page.stopScreencast")

    async def _keep(self, frame: dict[str, Any]) -> None:
        path = self._folder / f"{len(self._frames):05}.png"
        path.write_bytes(base64.b64decode(frame["data"]))
        self._frames.append((frame["metadata"]["timestamp"], path))
        await self._session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    def encode(self, video: Path) -> float:
        """Returns its length in seconds."""
        times = [at for at, _ in self._frames]
        lasts = [after - at for at, after in zip(times, [*times[1:], times[-1] + 1], strict=True)]
        names = [
            f"file '{path}'\nduration {seconds:.3f}\n" for (_, path), seconds in zip(self._frames, lasts, strict=True)
        ]
        script = self._folder / "frames.txt"
        script.write_text("".join(names) + f"file '{self._frames[-1][1]}'\n")
        source = ("-f", "concat", "-safe", "0", "-i", str(script))
        command = ["ffmpeg", "-v", "error", "-y", *source, "-vf", "fps=12,format=yuv420p", *ENCODER, "-an", str(video)]
        subprocess.run(command, check=True)
        return times[-1] - times[0] + 1


class Demo:
    def __init__(self, page: Page, stack: Stack) -> None:
        self.page, self.stack = page, stack

    async def open(self, path: str) -> None:
        await self.page.goto(self.stack.url + path)
        await expect(self.page.locator(".connection")).to_have_text("Live")
        await self.page.evaluate(STAGE)

    async def say(self, text: str, *, more: float = 0) -> None:
        """Shows a caption for as long as it takes to read."""
        await self.page.evaluate("text => { window.caption.textContent = text; }", text)
        await asyncio.sleep(1 + READ_SECONDS_PER_WORD * len(text.split()) + more)

    async def click(self, selector: str) -> None:
        """Where a viewer can follow the pointer."""
        target = self.page.locator(selector).first
        await target.scroll_into_view_if_needed()
        box = await target.bounding_box()
        assert box, selector
        await self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=12)
        await target.click()

    async def type(self, selector: str, text: str) -> None:
        await self.click(selector)
        await self.page.locator(selector).fill("")
        await self.page.locator(selector).press_sequentially(text, delay=120)

    async def wait(self, selector: str, count: int = 1) -> None:
        await expect(self.page.locator(selector)).to_have_count(count, timeout=60_000)

    async def play(self) -> None:
        await self.compares()
        await self.executes()
        await self.survives()
        await self.waits()
        await self.operates()

    async def compares(self) -> None:
        await self.open("/")
        await self.wait(".quotes .minimum")
        await self.say("Swap orders, executed at the better of two Solana venues")
        await self.type("#amount", "12")
        await self.click(".quotes summary")
        await self.say("Both venues are quoted: price, fees, impact, and the least you receive")
        await self.click(".quotes summary")

    async def executes(self) -> None:
        await self.click(".submit")
        await self.say("The order is on disk before the answer. Every step is streamed")
        await self.wait(".order.confirmed")
        await self.click(".order .toggle")
        await self.say("Why this venue won, how long each step took, and the whole log", more=1)
        await self.page.mouse.wheel(0, 420)
        await self.say("Each event has its number: a stream has no gap and no duplicate", more=1)
        await self.click(".order .toggle")
        await self.page.mouse.wheel(0, -2_000)

    async def survives(self) -> None:
        await self.click(".submit")
        await self.wait(".order.submitted")
        os.kill(self.stack.status()["worker"]["pid"], signal.SIGKILL)
        await self.say("kill -9: the worker dies after the swap was sent", more=1)
        await self.say("Another worker takes the order over. It does not send the swap again")
        await self.wait(".order.confirmed", 2)
        await self.click(".order .toggle")
        await self.say("Confirmed, with the same transaction: sent once, filled once", more=1)
        await self.click(".order .toggle")

    async def waits(self) -> None:
        await self.page.locator("#type").select_option("limit")
        await self.click(".steps button:nth-child(3)")
        await self.say("A limit order, 5 % above the market")
        await self.click(".submit")
        await self.wait(".open-order")
        await self.say("It waits. The chart shows where, and how far the price is away")
        await self.click(".open-order .amend")
        await self.click(".amending .link-button")
        await self.say("It can be amended or cancelled. Here the simulated market is moved up")
        await self.click(".move fieldset button:nth-of-type(4)")
        await asyncio.sleep(1)
        await self.click(".move fieldset button:nth-of-type(3)")
        await self.wait(".order.confirmed", 3)
        await self.say("It fired within a second, and was never filled below its price", more=1)
        await self.click("#tab-portfolio")
        await self.wait(".positions")
        await self.say("What the fills add up to")

    async def operates(self) -> None:
        await self.open("/console")
        await self.say("The console, for operators")
        await self.click(".demo button")
        await self.click(".dead-letters .link-button")
        await self.say("Five orders at once, and one whose venue is down. It is tried three times")
        await self.wait(".dead-letter")
        await self.say("Then it is a dead letter, with its reason", more=1)
        await self.click(".kill-switch .danger")
        await self.say("The kill switch stops trading. Who did what is in the audit log", more=1)
        await self.click(".kill-switch .actions button:nth-child(3)")
        await self.say("make up  ·  localhost:3000", more=1)


@asynccontextmanager
async def tab() -> AsyncIterator[Page]:
    async with chromium() as browser:
        context = await browser.new_context(viewport=SIZE, color_scheme="light")
        yield await context.new_page()


async def record(folder: Path, stack: Stack) -> None:
    async with tab() as page:
        recorder = Recorder(folder, await page.context.new_cdp_session(page))
        await recorder.start()
        await Demo(page, stack).play()
        await recorder.stop()
    seconds = recorder.encode(VIDEO)
    size = VIDEO.stat().st_size
    print(f"{VIDEO}: {seconds:.0f} s, {size / 1e6:.2f} MB")
    assert size < MAX_BYTES


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="engine video ") as directory:
        Path(directory).chmod(0o711)  # the servers may run as another user
        (frames := Path(directory) / "frames").mkdir()
        with running(Path(directory) / "home", LEASE_SECONDS="3", RETRY_BASE_SECONDS="1") as stack:
            asyncio.run(record(frames, stack))


if __name__ == "__main__":
    main()
