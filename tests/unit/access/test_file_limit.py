"""The limit on open files leaves room for the engine's own files, and for requests besides the streams."""

import resource

import pytest

from app.access.connection_limit import max_connections, max_streams


@pytest.mark.parametrize(
    ("files", "connections", "streams"),
    [(21_024, 20_824, 20_324), (1_200, 1_000, 500), (256, 128, 64)],
)
def test_connections_and_streams_fit_the_limit_on_open_files(
    monkeypatch: pytest.MonkeyPatch, files: int, connections: int, streams: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert (max_connections(), max_streams()) == (connections, streams)
