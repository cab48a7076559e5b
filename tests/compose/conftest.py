"""The image of these tests, built once."""

from collections.abc import Iterator

import pytest

from tests.compose.project import remove_image


@pytest.fixture(scope="session", autouse=True)
def _image() -> Iterator[None]:
    yield
    remove_image()
