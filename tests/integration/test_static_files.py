"""The files of the page and of Swagger UI."""

import os

import pytest

from app.api.routes import page
from app.api.spec import swagger
from app.api.spec.fixed_files import FixedFiles
from tests.engine import Engine


async def test_each_file_is_served(engine: Engine) -> None:
    for prefix, directory in (("/web/", page.WEB), ("/docs/files/", swagger.SWAGGER)):
        for path in directory.rglob("*"):
            if path.is_file():
                answer = await engine.http.get(prefix + path.relative_to(directory).as_posix())
                assert (answer.status_code, answer.content) == (200, path.read_bytes()), path


@pytest.mark.parametrize("path", ["/", "/web/main.js", "/docs/files/swagger-ui.css"])
async def test_text_is_sent_compressed_to_clients_that_take_it(engine: Engine, path: str) -> None:
    plain = await engine.http.get(path, headers={"accept-encoding": "identity"})
    small = await engine.http.get(path, headers={"accept-encoding": "gzip, br"})
    assert (small.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"]) * 0.6
    assert small.content == plain.content
    assert "accept-encoding" in small.headers["vary"].lower()
    assert "accept-encoding" in plain.headers["vary"].lower()
    for answer in (plain, small):
        again = await engine.http.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_the_disk_is_not_searched_for_other_names(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def searched(*_: object) -> tuple[str, os.stat_result | None]:
        raise AssertionError("the disk was searched")

    monkeypatch.setattr(FixedFiles, "lookup_path", searched)
    for prefix in ("/web/", "/docs/files/"):
        for name in ("a/" * 900, "none.js", "style/", "%2e%2e/app/main.py"):
            assert (await engine.http.get(prefix + name)).status_code == 404, name
