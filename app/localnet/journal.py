"""What the local chain has to find again after a kill: its genesis, the blocks skipped, every transaction landed, and
balances that were set by hand.

Accounts are not in it: the same transactions in the same order make the same accounts.
"""

import json
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

GENESIS = b"G"
KINDS: Mapping[bytes, Literal["skip", "transaction", "balances"]] = {
    b"S": "skip",
    b"T": "transaction",
    b"B": "balances",
}
_HEAD = struct.Struct("<cQI")  # kind, height or number, size of what follows


@dataclass(frozen=True, slots=True)
class Record:
    kind: Literal["skip", "transaction", "balances"]
    number: int  # the height at which it happened; or how many blocks were skipped so far
    data: bytes


class Journal:
    """Appended with one write for each record, so a kill leaves whole records and at most one torn one at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def close(self) -> None:
        os.close(self._file)

    def open(self, genesis_ms: int, block_ms: int) -> tuple[int, int, list[Record]]:
        """The genesis time and the block time of this chain, and what happened on it. The arguments are for a new one.

        A torn record is cut off: the node was killed before it answered.
        """
        records = list(self._read())
        if not records:
            os.ftruncate(self._file, 0)
            body = json.dumps({"blockMs": block_ms}).encode()
            self._write(GENESIS, genesis_ms, body)
            return genesis_ms, block_ms, []
        _, genesis_ms, body = records[0]
        found = [Record(KINDS[kind], number, data) for kind, number, data in records[1:]]
        return genesis_ms, int(json.loads(body)["blockMs"]), found

    def skip(self, skipped: int) -> None:
        self._write(b"S", skipped, b"")

    def transaction(self, height: int, raw: bytes) -> None:
        self._write(b"T", height, raw)

    def balances(self, height: int, amounts: Mapping[str, int]) -> None:
        self._write(b"B", height, json.dumps(dict(amounts)).encode())

    def _write(self, kind: bytes, number: int, data: bytes) -> None:
        os.write(self._file, _HEAD.pack(kind, number, len(data)) + data)

    def _read(self) -> Iterator[tuple[bytes, int, bytes]]:
        data, at = self._path.read_bytes(), 0
        while at + _HEAD.size <= len(data):
            kind, number, size = _HEAD.unpack_from(data, at)
            end = at + _HEAD.size + size
            if end > len(data):
                break
            yield kind, number, data[at + _HEAD.size : end]
            at = end
        os.ftruncate(self._file, at)
