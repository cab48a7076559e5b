"""Static files of which all names are known when the API starts."""

import asyncio
import functools
import gzip
import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

COMPRESSED = {".css", ".html", ".js", ".svg"}
OF_THE_FILE_ITSELF = ("accept-ranges", "content-length")


class FixedFiles(StaticFiles):
    """StaticFiles looks up each part of any path on the disk, so a long path takes long. Here other names are a 404.
    Text is sent compressed to clients that take it. However many are sent a file, it is in memory once, and not open.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        self._names = _names(directory)

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path not in self._names:
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        if may_be_compressed := Path(path).suffix in COMPRESSED:
            response.headers["vary"] = "accept-encoding"
        if not isinstance(response, FileResponse) or scope["method"] != "GET":
            return response
        compressed = may_be_compressed and "gzip" in Headers(scope=scope).get("accept-encoding", "")
        etag = response.headers["etag"]
        # In a thread: the largest file takes 50 ms the first time, and the API has orders to answer.
        body = await asyncio.to_thread(_contents, os.fspath(response.path), etag, compressed)
        headers = {name: value for name, value in response.headers.items() if name not in OF_THE_FILE_ITSELF}
        if compressed:  # a weak tag, because the bytes are others than those of the file
            headers |= {"content-encoding": "gzip", "etag": f"W/{etag}"}
        return Response(body, headers=headers)


@functools.cache
def _names(directory: Path) -> frozenset[str]:
    return frozenset(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


@functools.lru_cache(maxsize=256)
def _contents(path: str, version: str, compressed: bool) -> bytes:
    """`version` makes a changed file a new entry."""
    body = Path(path).read_bytes()
    return gzip.compress(body, mtime=0) if compressed else body
