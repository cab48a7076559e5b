"""The network is opened in one place, and brings its own time-outs."""

import ast
from datetime import UTC, datetime

import pytest

from app.network import open_chain, open_network
from app.settings import SettingsError, load
from tests.unit.test_imports import modules


def test_only_app_market_reads_the_settings_of_the_simulation() -> None:
    readers = {
        module
        for module, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr.startswith("mock_")
    }
    assert readers == {"app.network.simulated"}


@pytest.mark.parametrize(("quote_ms", "seconds"), [(0, 2), (200, 2), (1_000, 3), (20_000, 60)])
def test_a_slow_market_is_given_more_time_to_quote(quote_ms: int, seconds: float) -> None:
    assert open_network(load(mock_quote_ms=quote_ms)).quote_timeout == seconds


def test_a_swap_is_awaited_longer_than_the_slowest_execution_takes() -> None:
    assert open_network(load(mock_execution_ms_max=7_000)).confirm_timeout == 8


def test_market_time_is_the_moment_divided_by_the_block_time() -> None:
    moment = datetime.fromtimestamp(1_795_000_000.399, UTC)
    assert open_network(load(mock_block_ms=400)).slot_at(moment) == 4_487_500_000
    assert open_network(load(mock_block_ms=100)).slot_at(moment) == 17_950_000_003


async def test_a_chain_without_a_database_is_refused_in_one_sentence() -> None:
    settings = load(database_url=None, db_host=None)
    with pytest.raises(SettingsError, match="DATABASE_URL is not set"):
        async with open_chain(settings, open_network(settings)):
            pass
