"""Lookup tables as a node tells them."""

import base64
from typing import Any

import pytest

from app.dex.adapters.solana.programs import LOOKUP_TABLE
from app.dex.adapters.solana.rpc import Rpc
from app.dex.adapters.solana.tables import MAX_PLACES, read_tables
from app.localnet.genesis import TABLE

HEAD = b"\1\0\0\0" + b"\xff" * 8 + bytes(44)


class OneTable(Rpc):
    def __init__(self, places: int) -> None:
        super().__init__("http://nowhere")
        self.row = {
            "owner": str(LOOKUP_TABLE),
            "data": [base64.b64encode(HEAD + bytes(32 * places)).decode(), "base64"],
        }

    async def call(self, method: str, *params: Any, within: float | None = None) -> Any:
        return {"value": [self.row]}


@pytest.mark.parametrize(("places", "used"), [(1, True), (MAX_PLACES, True), (MAX_PLACES + 1, False)])
async def test_a_table_with_more_places_than_there_can_be_is_not_used(places: int, used: bool) -> None:
    tables = await read_tables([OneTable(places)], [TABLE], own=())
    assert [len(table.addresses) for table in tables] == ([places] if used else [])
