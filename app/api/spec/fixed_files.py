"""Static files of which all names are known when the API starts."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class FixedFiles(StaticFiles):
    """StaticFiles looks up each part of any path on the disk, so a long path takes long. Here other names are a 404."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        self._names = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path not in self._names:
            raise HTTPException(404)
        return await super().get_response(path, scope)
