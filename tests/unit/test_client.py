"""What the client says and draws, from events it was given."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from app.client import CommandError
from app.client.engine import Engine
from app.client.format import line
from app.client.live_table import note, stages, table
from app.client.responses import Event, OrderState, ProblemDocument, printable
from app.client.simulation import DEMO, SimulatedOrder, Swap, courses
from app.client.summary import summary

BEGAN = datetime(2030, 1, 1, tzinfo=UTC)
HAPPY = ("pending", "routing", "building", "submitted", "confirmed")
NOW = 1000.0


def event(seq: int, status: str, **more: Any) -> Event:
    facts = dict.fromkeys(("dex", "price", "amount_out", "tx_hash", "error", "code", "retry_in_ms"))
    given: dict[str, Any] = {"attempt": 1, "others": (), "at": BEGAN + timedelta(milliseconds=100 * (seq - 1))}
    return Event(seq=seq, status=status, **{**facts, **given, **more})


def course(number: int, *statuses: str, **last: Any) -> SimulatedOrder:
    """An order that came this far; `last` is what its last event says."""
    standing = OrderState(order_id=f"id-{number}", status="pending", ws_url="ws://x", created_at=BEGAN)
    told = [event(seq, status, **(last if seq == len(statuses) else {})) for seq, status in enumerate(statuses, 1)]
    return SimulatedOrder(number, Swap("SOL", "USDC", "1.5"), standing, told, heard_at=NOW)


def drawn(running: list[SimulatedOrder], width: int = 80, most: int = 20) -> list[str]:
    console = Console(file=StringIO(), width=width)
    console.print(table(running, NOW, width, most))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("reached", "dots"), [(0, "●○○○○"), (1, "●●○○○"), (3, "●●●●○"), (4, "●●●●●")])
def test_a_row_shows_how_far_its_order_is(reached: int, dots: str) -> None:
    assert stages(course(1, *HAPPY[: reached + 1]), wide=False).plain == f"{dots} {HAPPY[reached]}"


def test_an_order_that_fails_keeps_what_it_had_reached() -> None:
    assert stages(course(1, *HAPPY[:3], "failed"), wide=False).plain == "●●●●○ failed"
    assert "pending → routing → building → failed" in stages(course(1, *HAPPY[:3], "failed"), wide=True).plain


def test_a_wait_is_counted_down() -> None:
    waiting = course(1, "pending", "routing", "pending", code="tx_dropped", error="Lost.", retry_in_ms=2000)
    assert note(waiting, NOW + 0.5).plain == "attempt 1: tx_dropped, again in 1.5 s"
    assert note(waiting, NOW + 5).plain == "attempt 1: tx_dropped, again"


def test_a_board_fits_its_terminal_and_keeps_the_running_orders() -> None:
    ended, alive = [course(number, *HAPPY) for number in range(1, 9)], course(9, "pending")
    rows = drawn([*ended, alive], width=60, most=4)
    assert all(len(row) <= 60 for row in rows)
    assert [row.split()[0] for row in rows[1:5]] == ["1", "2", "3", "9"]
    assert rows[5].strip() == "5 more"


def test_a_servers_text_is_not_markup() -> None:
    refused = SimulatedOrder(2, DEMO[0], trouble=CommandError("[red]y"))
    board = "\n".join(drawn([course(1, "failed", error="[red]x"), refused]))
    assert "[red]x" in board
    assert "[red]y" in board


def test_a_line_tells_time_status_venue_price_and_why() -> None:
    built = event(3, "building", dex="meteora", price="149.5", others=("raydium: 4 bps less out",))
    assert line(built, BEGAN) == "   0.200 s  building   meteora at 149.5  (raydium: 4 bps less out)"
    again = event(4, "pending", error="Too late.", code="tx_dropped", retry_in_ms=2000)
    assert line(again, BEGAN) == "   0.300 s  pending    attempt 1: Too late (tx_dropped)  again in 2.0 s"


def test_a_summary_counts_ends_wins_and_losses() -> None:
    won = course(1, *HAPPY, dex="raydium", price="149.5")
    won.events[2] = event(3, "building", others=("meteora: 9 bps less out",))
    lost = course(2, "pending", "failed", error="Too dear.", code="slippage_exceeded")
    refused = SimulatedOrder(3, DEMO[0], trouble=CommandError("No such token."))
    assert summary([won, lost, refused]) == [
        "3 orders: 1 confirmed, 1 failed, 1 refused",
        "time to confirm: p50 0.400 s, max 0.400 s",
        "raydium won 1",
        "  #1  1.5 SOL → USDC at 149.5  (meteora: 9 bps less out)",
        "not confirmed",
        "  #2  1.5 SOL → USDC  failed: Too dear (slippage_exceeded)",
        "  #3  1.5 SOL → USDC  refused: No such token.",
    ]


def test_a_long_summary_is_cut() -> None:
    assert summary([course(number, *HAPPY, dex="meteora") for number in range(1, 13)])[-1] == "  … and 2 more"


def test_a_demo_goes_both_ways_of_a_pair() -> None:
    pairs = {(one.swap.token_in, one.swap.token_out) for one in courses(5)}
    assert len(pairs) == 5
    assert any((out, given) in pairs for given, out in pairs)


@pytest.mark.parametrize("hostile", ["\x1b[2J", "a\r\nb", "\x9b31m", "\u202eabc", "\ud800", "\u2028", "x" * 9999])
def test_what_is_printed_is_one_harmless_line(hostile: str) -> None:
    assert printable(hostile).isprintable()
    assert len(printable(hostile)) <= 301


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        "\ud800",
        b"\xff",
        '{"seq":1e999}',
        '{"seq":true,"status":"x","attempt":1,"at":"2030-01-01T00:00:00Z"}',
        '{"seq":1,"status":"x","attempt":1,"at":"2030-01-01"}',
        '{"seq":1,"status":7,"attempt":1,"at":"2030-01-01T00:00:00Z"}',
        '{"seq":1,"status":"x","attempt":1,"at":"2030-01-01T00:00:00Z","retryInMs":-1}',
    ],
)
def test_a_frame_that_is_no_event_is_a_complaint(frame: str | bytes) -> None:
    with pytest.raises(CommandError, match="does not speak as this engine does"):
        Event.read(frame)


def test_an_event_survives_details_of_any_shape() -> None:
    frame = (
        '{"seq":1,"status":"building","attempt":1,"at":"2030-01-01T00:00:00Z","quotes":[1,{"venue":[]},{}],"dex":{}}'
    )
    assert Event.read(frame).others == ("?: ?", "?: ?")


def test_a_problem_is_one_sentence_that_points() -> None:
    body = b'{"detail":"It cannot be.","errors":[{"pointer":"/amount","message":"too small"}],"retryable":true}'
    assert ProblemDocument.read(body) == ProblemDocument("It cannot be: amount: too small.", True)
    assert ProblemDocument.read(b"<html>") is None


@pytest.mark.parametrize("address", ["http://x", "", "ws://a\nb", None])
def test_a_stream_is_only_opened_at_a_sockets_address(address: str | None) -> None:
    said = {"orderId": "1", "status": "pending", "createdAt": "2030-01-01T00:00:00Z", "wsUrl": address}
    with pytest.raises(CommandError, match="wsUrl"):
        OrderState.read(json.dumps(said))


@pytest.mark.parametrize("address", ["", "localhost:3000", "ftp://x", "http://", "http://x:99999", "http://a\x1b[2J"])
def test_what_is_no_address_of_an_engine_is_a_complaint(address: str) -> None:
    with pytest.raises(CommandError, match="is not an address"):
        Engine(address)


async def test_what_is_no_order_id_is_not_asked_for() -> None:
    async with Engine("http://127.0.0.1:1") as engine:
        with pytest.raises(CommandError, match="is not an order id"):
            await engine.order("../../health\x1b[31m")


def test_a_password_in_an_address_is_not_shown() -> None:
    assert Engine("https://me:hunter2@engine.example.com/").name == "https://engine.example.com"


@pytest.mark.parametrize("key", ["a\nb", "schlüssel", " a "])
def test_a_key_that_no_header_can_hold_is_a_complaint(key: str) -> None:
    with pytest.raises(CommandError, match="printable ASCII"):
        Engine("http://127.0.0.1:1", key)
