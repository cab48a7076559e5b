"""Receivers of webhooks must not take the files that a watcher needs for its databases."""

import resource

import pytest

from app.settings import Settings
from app.watcher import main as module


def test_a_watcher_raises_its_limit_on_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def run(_: Settings) -> None:
        seen.append(resource.getrlimit(resource.RLIMIT_NOFILE))

    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(module, "load", Settings)
    monkeypatch.setattr(module, "configure", lambda _: None)
    monkeypatch.setattr(module, "run", run)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        module.main()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))
    [(soft, _)] = seen
    assert soft == hard if 0 < hard < module.OPEN_FILES else soft == module.OPEN_FILES
