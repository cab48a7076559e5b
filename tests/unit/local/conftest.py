import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.local.data_home import DataHome, prepare


@pytest.fixture
def data_home() -> Iterator[DataHome]:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)  # started by root, the servers run under another account and have to get in
        yield prepare(Path(directory) / "home", durable=False)
