"""The embedded servers come with an extra: without it, one sentence says how to get it, before anything starts."""

import pytest

from app.local import CannotStart, before_start, binaries
from app.settings import load


def test_without_the_extra_a_wheel_says_which_command_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(binaries, "installed", lambda _: False)
    monkeypatch.setattr(binaries, "IS_CLONE", False)
    with pytest.raises(
        CannotStart, match=r"pipx install --force '\./order_execution_engine-\S+\.whl\[local\]'"
    ) as missing:
        before_start.check(load(_env_file=None))
    assert "make up" not in str(missing.value)
    assert capsys.readouterr().out == ""
