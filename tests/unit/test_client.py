"""The text and the tables of the client, from given events."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from app.client import UNCERTAIN, CommandError, MayBePlaced
from app.client.engine import Engine
from app.client.fields import plain_json, printable
from app.client.format import event_line
from app.client.live_table import note, stages, table
from app.client.responses import Event, OrderState, ProblemDocument, waits_for
from app.client.simulation import DEMO_SWAPS, SimulatedOrder, Swap, simulated_orders
from app.client.summary import summary
from app.client.tables import AUDIT, DEAD_LETTERS, OPEN, ORDERS

START = datetime(2030, 1, 1, tzinfo=UTC)
HAPPY = ("pending", "routing", "building", "submitted", "confirmed")
NOW = 1000.0


def event(seq: int, status: str, **more: Any) -> Event:
    facts = dict.fromkeys(("dex", "price", "amount_out", "tx_hash", "error", "code", "retry_in_ms"))
    given: dict[str, Any] = {"attempt": 1, "losing_quotes": (), "at": START + timedelta(milliseconds=100 * (seq - 1))}
    return Event(seq=seq, status=status, **{**facts, **given, **more})


def order(number: int, *statuses: str, **last: Any) -> SimulatedOrder:
    """An order that has had these statuses; `last` are fields of its last event."""
    state = OrderState(order_id=f"id-{number}", status="pending", ws_url="ws://x", created_at=START)
    events = [event(seq, status, **(last if seq == len(statuses) else {})) for seq, status in enumerate(statuses, 1)]
    return SimulatedOrder(number, Swap("SOL", "USDC", "1.5"), state, events, received_at=NOW)


def drawn(orders: list[SimulatedOrder], width: int = 80, max_rows: int = 20) -> list[str]:
    console = Console(file=StringIO(), width=width)
    console.print(table(orders, NOW, width, max_rows))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("reached", "dots"), [(0, "●○○○○"), (1, "●●○○○"), (3, "●●●●○"), (4, "●●●●●")])
def test_a_row_shows_the_progress_of_its_order(reached: int, dots: str) -> None:
    assert stages(order(1, *HAPPY[: reached + 1]), wide=False).plain == f"{dots} {HAPPY[reached]}"


def test_a_failed_order_shows_the_stage_it_had_reached() -> None:
    assert stages(order(1, *HAPPY[:3], "failed"), wide=False).plain == "●●●●○ failed"
    assert "pending → routing → building → failed" in stages(order(1, *HAPPY[:3], "failed"), wide=True).plain


def test_a_wait_is_counted_down() -> None:
    waiting = order(1, "pending", "routing", "pending", code="tx_dropped", error="Lost.", retry_in_ms=2000)
    assert note(waiting, NOW + 0.5).plain == "attempt 1: tx_dropped, retry in 1.5 s"
    assert note(waiting, NOW + 5).plain == "attempt 1: tx_dropped, retrying"


def test_a_table_fits_its_terminal_and_keeps_the_unfinished_orders() -> None:
    ended, unfinished = [order(number, *HAPPY) for number in range(1, 9)], order(9, "pending")
    rows = drawn([*ended, unfinished], width=60, max_rows=4)
    assert all(len(row) <= 60 for row in rows)
    assert [row.split()[0] for row in rows[1:5]] == ["1", "2", "3", "9"]
    assert rows[5].strip() == "5 more"


def test_text_from_a_server_is_not_markup() -> None:
    refused = SimulatedOrder(2, DEMO_SWAPS[0], error=CommandError("[red]y"))
    text = "\n".join(drawn([order(1, "failed", error="[red]x"), refused]))
    assert "[red]x" in text
    assert "[red]y" in text


def test_a_line_has_time_status_venue_price_and_reason() -> None:
    built = event(3, "building", dex="meteora", price="149.5", losing_quotes=("raydium: 0.04 % less",))
    assert event_line(built, START) == "   0.200 s  building   meteora at 149.5  (raydium: 0.04 % less)"
    again = event(4, "pending", error="Too late.", code="tx_dropped", retry_in_ms=2000)
    assert event_line(again, START) == "   0.300 s  pending    attempt 1: Too late (tx_dropped)  retry in 2.0 s"


def test_a_summary_counts_ends_wins_and_losses() -> None:
    won = order(1, *HAPPY, dex="raydium", price="149.5")
    won.events[2] = event(3, "building", losing_quotes=("meteora: 0.09 % less",))
    lost = order(2, "pending", "failed", error="Too dear.", code="slippage_exceeded")
    refused = SimulatedOrder(3, DEMO_SWAPS[0], error=CommandError("No such token."))
    assert summary([won, lost, refused]) == [
        "3 orders: 1 confirmed, 1 failed, 1 refused",
        "time to confirm: p50 0.400 s, max 0.400 s",
        "raydium won 1",
        "  #1  1.5 SOL → USDC at 149.5  (meteora: 0.09 % less)",
        "not confirmed",
        "  #2  1.5 SOL → USDC  failed: Too dear (slippage_exceeded)",
        "  #3  1.5 SOL → USDC  refused: No such token.",
    ]


def test_a_long_summary_is_cut() -> None:
    assert summary([order(number, *HAPPY, dex="meteora") for number in range(1, 13)])[-1] == "  … and 2 more"


def test_the_demo_swaps_trade_both_directions_of_a_pair() -> None:
    pairs = {(each.swap.token_in, each.swap.token_out) for each in simulated_orders(5)}
    assert len(pairs) == 5
    assert any((token_out, token_in) in pairs for token_in, token_out in pairs)


@pytest.mark.parametrize("hostile", ["\x1b[2J", "a\r\nb", "\x9b31m", "\u202eabc", "\ud800", "\u2028", "x" * 9999])
def test_printed_text_is_one_line_without_control_characters(hostile: str) -> None:
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
        '{"seq":1,"status":"x","attempt":1,"at":"0001-01-01T00:00:00+23:59"}',
        '{"seq":1,"status":7,"attempt":1,"at":"2030-01-01T00:00:00Z"}',
        '{"seq":1,"status":"x","attempt":1,"at":"2030-01-01T00:00:00Z","retryInMs":-1}',
    ],
)
def test_a_frame_that_is_not_an_event_is_refused(frame: str | bytes) -> None:
    with pytest.raises(CommandError, match="does not answer like this engine"):
        Event.parse(frame)


def test_an_event_accepts_quotes_of_any_shape() -> None:
    frame = (
        '{"seq":1,"status":"building","attempt":1,"at":"2030-01-01T00:00:00Z","quotes":[1,{"venue":[]},{}],"dex":{}}'
    )
    assert Event.parse(frame).losing_quotes == ("?: ?", "?: ?")


def test_a_problem_becomes_one_sentence_that_names_the_field() -> None:
    body = b'{"detail":"It cannot be.","errors":[{"pointer":"/amount","message":"too small"}],"retryable":true}'
    assert ProblemDocument.parse(body) == ProblemDocument("It cannot be: amount: too small.", True)
    asked = ProblemDocument.parse(body.replace(b"too small", b"unknown; did you mean SOL?"))
    assert asked == ProblemDocument("It cannot be: amount: unknown; did you mean SOL?", True)
    assert ProblemDocument.parse(b"<html>") is None


@pytest.mark.parametrize("price", ["149.622015000001", "0.00000000123456789012", "150", '"149.5"'])
def test_a_price_is_shown_with_the_digits_that_were_sent(price: str) -> None:
    fields = '"seq":3,"status":"building","attempt":1,"at":"2030-01-01T00:00:00Z","dex":"raydium"'
    assert Event.parse(f'{{{fields},"price":{price}}}').price == price.strip('"')


def test_an_order_that_waits_says_for_what_and_since_when_it_fired() -> None:
    waiting = {"status": "open", "limitPrice": "138", "trigger": {"price": "140", "when": "below", "distanceBps": 657}}
    row = {"orderId": "id", "amount": "1.5", "tokenIn": "SOL", "tokenOut": "\x1b[2J", "orderType": "stop"}
    assert OPEN.lines([row | waiting])[1] == "id     1.5 SOL → \\x1b[2J  stop  below 140 (worst 138), 6.57 % away"
    launch = {"event": "liquidity", "mint": "7xKX", "venue": "raydium", "minDepthUsd": "20000"}
    sniper = {"status": "open", "limitPrice": "500", "trigger": launch}
    assert waits_for(sniper) == "liquidity of 7xKX on raydium with 20000 USD (worst 500)"
    assert waits_for({"status": "open", "trigger": launch}) == "liquidity of 7xKX on raydium with 20000 USD"
    follows = {"trailBps": 550, "extreme": "170", "level": "160.65", "distanceBps": 657}
    assert waits_for({"status": "open", "trigger": follows}) == "5.5 % below 170: 160.65, 6.57 % away"
    measured = follows | {"extreme": "149.786912400750149786", "level": "141.548632218708891548"}
    assert waits_for({"status": "open", "trigger": measured}) == "5.5 % below 149.78691: 141.54863, 6.57 % away"
    later = {"trailBps": 500, "activationPrice": "150", "extreme": None, "level": None, "distanceBps": 66}
    assert waits_for({"status": "open", "trigger": later}) == "5 % below the highest from 150 on, 0.66 % away"
    fired = '{"seq":2,"status":"pending","attempt":0,"at":"2030-01-01T00:00:01Z","trigger":{"price":"139.5"}}'
    assert event_line(Event.parse(fired), START) == "   1.000 s  pending    fired at 139.5"
    amended = fired.replace("pending", "open").replace('"trigger"', '"code":"amended","trigger"')
    assert event_line(Event.parse(amended), START) == "   1.000 s  open       amended"
    with pytest.raises(CommandError, match="does not answer like this engine"):
        OPEN.lines([{}])


def test_an_exit_is_not_said_to_be_near_before_its_entry_is_filled() -> None:
    swap = {"orderId": "id", "amount": "1.5", "tokenIn": "SOL", "tokenOut": "USDC", "status": "open", "groupId": "g"}
    entry = swap | {"orderType": "limit", "trigger": {"price": "140", "when": "above", "distanceBps": 657}}
    leg = swap | {"orderType": "stop", "trigger": {"price": "120", "when": "below", "distanceBps": 0}}
    _, first, second = OPEN.lines([entry, leg])
    assert first.endswith("above 140, 6.57 % away")
    assert second.endswith("its entry, then below 120")
    assert OPEN.lines([leg])[1].endswith("below 120, 0 % away")


def test_a_table_has_aligned_columns_and_leaves_out_empty_ones() -> None:
    rows = [
        {"orderId": "1", "status": "failed", "tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5", "code": "expired"},
        {"orderId": "22", "status": "open", "tokenIn": "BONK", "tokenOut": "SOL", "amount": "5000000"},
    ]
    assert ORDERS.lines(rows) == [
        "ORDER  STATUS  SWAP                ERROR",
        "1      failed  1.5 SOL → USDC      expired",
        "22     open    5000000 BONK → SOL",
    ]
    letter = {"orderId": "1", "failedAt": "2030-01-01T09:00:00+01:00", "originalOrder": rows[0], "attemptsMade": 3}
    assert DEAD_LETTERS.lines([letter])[1] == "1      2030-01-01 08:00:00  1.5 SOL → USDC  3"
    entry = {"at": "2030-01-01T00:00:00Z", "action": "x", "details": {"reason": "\u202eliar"}}
    assert AUDIT.lines([entry])[1].endswith('{"reason":"\\u202eliar"}')


@pytest.mark.parametrize("hostile", ["\x7f", "\x9b31m", "\u202e", "\u2028", "\U0001f600", "é"])
def test_json_is_printed_as_it_was_sent_but_in_ascii(hostile: str) -> None:
    sent = f'{{"price":149.622015000001000,\n "text":"{hostile}"}}'
    shown = plain_json(sent)
    assert shown.isascii()
    assert shown.isprintable()
    assert '"price":149.622015000001000,' in shown
    assert json.loads(shown)["text"] == hostile


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[1]", b'{"orderId":"x","status":"pending"}', b"x" * 17_000_000])
async def test_an_order_may_have_been_placed_if_the_answer_that_says_so_cannot_be_read(body: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Engine(f"http://127.0.0.1:{port}") as engine:
            for place in (engine.place, engine.place_group):
                with pytest.raises(MayBePlaced, match="repeat with --idempotency-key my-key") as error:
                    await place({}, "my-key")
                assert error.value.exit_code == UNCERTAIN
