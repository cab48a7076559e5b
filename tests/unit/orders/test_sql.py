"""What the SQL says about statuses and events is derived from one place."""

import re

from app.orders.lifecycle import IN_ATTEMPT, MOVES, QUEUED, TERMINAL, UNDER_WAY, UNFINISHED, Status, sql_list
from app.orders.store.sweep import SWEEP, VERDICTS
from tests.unit.test_imports import modules

SOURCES = {
    name: path.read_text() for name, path in modules().items() if not name.startswith(("migrations", "app.mockchain"))
}


def test_no_statement_lists_statuses_by_hand() -> None:
    by_hand = [name for name, text in SOURCES.items() if re.search(r"status\s+(NOT\s+)?IN\s*\(\s*'", text)]
    assert by_hand == []


def test_events_are_inserted_in_one_place_with_their_deliveries() -> None:
    assert sum(text.count("INSERT INTO order_events") for text in SOURCES.values()) == 1
    assert "INSERT INTO webhook_deliveries" in SOURCES["app.orders.store.statements"]


def test_the_sets_of_statuses_cover_the_lifecycle() -> None:
    assert set(Status) == UNFINISHED | TERMINAL
    assert {Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED} == UNDER_WAY
    assert {Status.PENDING, Status.SUBMITTED} == QUEUED
    assert {Status.ROUTING, Status.BUILDING} == IN_ATTEMPT
    assert UNDER_WAY <= UNFINISHED
    assert sql_list(QUEUED) == "'pending', 'submitted'"


def test_every_verdict_of_the_sweeper_is_a_legal_move_and_part_of_the_statement() -> None:
    before = {"expired": Status.PENDING, "lost": Status.ROUTING, "poison": Status.BUILDING}
    for verdict in VERDICTS:
        assert verdict.status in MOVES[before[verdict.name]]
        assert SWEEP.count(f"('{verdict.name}', '{verdict.status}', '{verdict.code}', '{verdict.error}')") == 1
