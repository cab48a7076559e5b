"""Prints the documents that the TypeScript types are made from, for the generator (`make client-types`)."""

import hashlib
import sys
from typing import Any

import orjson

from app.api.spec import asyncapi
from app.main import create_app
from app.settings import load

PROSE = {"title", "summary", "description", "operationId"}
EXAMPLES = {"example", "examples", "tags"}


def documents(openapi: dict[str, Any]) -> dict[str, Any]:
    return {"openapi": openapi, "asyncapi": asyncapi.document("ws://localhost", "")}


def digest(found: dict[str, Any]) -> str:
    """Of the types, not of the words: another description or example changes nothing in a program."""
    shapes = [found["openapi"]["paths"], found["openapi"]["components"], found["asyncapi"]["components"]]
    return hashlib.sha256(orjson.dumps(_shape(shapes), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _shape(value: Any, *, names: bool = False) -> Any:
    """`names`: the keys of this object are names that the document has chosen."""
    if isinstance(value, list):
        return [_shape(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = (
        value if names else {key: item for key, item in value.items() if key not in EXAMPLES and not _prose(key, item)}
    )
    return {key: _shape(item, names=key in ("properties", "schemas", "paths")) for key, item in kept.items()}


def _prose(key: str, item: Any) -> bool:
    return key in PROSE and isinstance(item, str)


def without_answers(openapi: dict[str, Any]) -> dict[str, Any]:
    """Without the examples of answers: the generator would write each one into the types."""
    for operations in openapi["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                for media in response.get("content", {}).values():
                    media.pop("example", None)
    return openapi


def main() -> None:
    found = documents(without_answers(create_app(load(_env_file=None)).openapi()))
    sys.stdout.buffer.write(orjson.dumps({**found, "sha256": digest(found)}))


if __name__ == "__main__":
    main()
