"""The types of the TypeScript client were made from the documents that the engine serves now."""

from pathlib import Path

import pytest

from tests.typescript.documents import digest, documents
from tests.unit.api.test_documents import openapi

GENERATED = Path(__file__).resolve().parents[2] / "clients" / "typescript" / "src" / "generated"


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_the_types_are_those_of_the_documents(name: str) -> None:
    made_from = (GENERATED / f"{name}.ts").read_text().splitlines()[1].rpartition(" ")[2]
    assert made_from == digest(documents(openapi())), "run `make client-types` (needs node and npm) and commit"
