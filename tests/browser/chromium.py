"""Starts the installed Chromium, headless and without its own network traffic."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

# The first has no windows at all, and takes half the CPU of the others.
EXECUTABLES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
MAC_APPLICATION = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
MISSING = "These tests need Chromium: apt-get install chromium-headless-shell, or CHROMIUM=/path/to/chromium or Chrome."
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str | None:
    if configured := os.environ.get("CHROMIUM"):
        return shutil.which(configured)
    found = next(filter(None, map(shutil.which, EXECUTABLES)), None)
    return found or (str(MAC_APPLICATION) if MAC_APPLICATION.exists() else None)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()
