"""The commands for orders that wait and for operators, against a running engine."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from tests.acceptance.commands import EVENT, HAPPY, SELL_SOL, client, error_of, quick_stack
from tests.acceptance.stack import Stack, eventually, free_port
from tests.no_tls import NO_TLS


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with quick_stack() as started:
        yield started


def set_price(stack: Stack, price: str) -> None:
    """Returns once it holds."""
    body = {"tokenIn": "SOL", "tokenOut": "USDC", "price": price}
    slot = httpx.post(f"{stack.url}/api/simulate/market", json=body, verify=NO_TLS).json()["fromSlot"]
    query = {"tokenIn": "SOL", "tokenOut": "USDC"}
    eventually(lambda: bool(httpx.get(f"{stack.url}/api/market", params=query, verify=NO_TLS).json()["slot"] >= slot))


def test_a_limit_order_is_listed_until_the_market_moves_and_fires_it(stack: Stack) -> None:
    set_price(stack, "150")
    placed = client(stack, "submit", *SELL_SOL, "--type", "limit", "--limit-price", "155")
    order, lines = placed.stdout.split()[1], placed.stdout.splitlines()
    assert lines[1:3] == ["status  open", "waits   above 155, 3.33 % away"]
    listed = client(stack, "open").stdout.splitlines()
    assert listed[0].split() == ["ORDER", "SWAP", "TYPE", "WAITS", "FOR"]
    assert listed[1:] == [f"{order}  1.5 SOL → USDC  limit  above 155, 3.33 % away"]
    set_price(stack, "160")
    watched = client(stack, "watch", order)
    assert EVENT.findall(watched.stdout) == ["open", *HAPPY]
    assert "fired at 159." in watched.stdout
    assert watched.returncode == 0
    assert client(stack, "open").stdout == "There are no open orders.\n"


def test_a_stop_is_cancelled_and_watching_it_exits_with_1(stack: Stack) -> None:
    set_price(stack, "150")
    stop = ("--type", "stop", "--trigger-price", "140", "--limit-price", "138", "--expires-in-seconds", "3600")
    order = client(stack, "submit", *SELL_SOL, *stop).stdout.split()[1]
    assert "  stop  below 140 (worst 138), 6.66 % away  2" in client(stack, "open").stdout
    cancelled = client(stack, "cancel", order)
    assert (cancelled.returncode, cancelled.stdout) == (0, "status  cancelled\n")
    watched = client(stack, "watch", order)
    assert (watched.returncode, EVENT.findall(watched.stdout)) == (1, ["open", "cancelled"])
    unknown = str(uuid4())
    assert error_of(client(stack, "cancel", unknown)) == f"engine: There is no order {unknown} at {stack.url}.\n"


def test_an_order_in_slices_is_followed_to_its_end_and_says_what_it_brought(stack: Stack) -> None:
    slices = ("--type", "dca", "--slices", "2", "--every-seconds", "1")
    placed = client(stack, "submit", *SELL_SOL, *slices, "--watch")
    assert (placed.returncode, EVENT.findall(placed.stdout)) == (0, ["open", "completed"])
    assert placed.stdout.splitlines()[2] == "waits   2 slices, 1 s apart"
    shown = client(stack, "show", placed.stdout.split()[1]).stdout
    assert "\nslices    2 of 2 filled\n" in shown
    assert re.search(r"^price     \d+\.\d+\nreceived  \d+\.\d+$", shown, re.MULTILINE)


def test_all_orders_are_cancelled_or_those_of_a_type(stack: Stack) -> None:
    set_price(stack, "150")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    limit = ("--type", "limit", "--limit-price", "190", "--expires-at", tomorrow)
    stop = ("--type", "stop", "--trigger-price", "100")
    for asked in (limit, stop):
        client(stack, "submit", *SELL_SOL, *asked)
    assert tomorrow[:10] in client(stack, "open").stdout
    assert client(stack, "cancel", "--all", "--type", "stop", "--token-in", "SOL").stdout == "cancelled  1\n"
    assert client(stack, "cancel", "--all").stdout == "cancelled  1\n"


def test_a_limit_far_below_the_market_is_placed_if_it_is_meant(stack: Stack) -> None:
    set_price(stack, "150")
    limit = ("submit", *SELL_SOL, "--type", "limit", "--limit-price", "100")
    refused = error_of(client(stack, *limit))
    assert refused.count("20 % worse") == 1  # the same is said of the field
    assert EVENT.findall(client(stack, *limit, "--acknowledge-price", "--watch").stdout) == ["open", *HAPPY]


def test_groups_are_placed_once_and_their_orders_listed(stack: Stack) -> None:
    set_price(stack, "150")
    exits = ("--take-profit-price", "180", "--stop-loss-price", "120", "--stop-loss-limit-price", "115")
    buy = ("--token-in", "USDC", "--token-out", "SOL", "--amount", "142", "--limit-price", "0.00704")
    oco, bracket = ("--type", "oco", *SELL_SOL, *exits), ("--type", "bracket", *buy, *exits)
    for asked, key, waits in (
        (oco, "oco", ["take_profit  above 180", "stop  below 120"]),
        (bracket, "bracket", ["entry  above 0.00704", "take_profit  above 180", "stop  below 120"]),
    ):
        placed = client(stack, "submit", *asked, "--idempotency-key", key).stdout.splitlines()
        assert placed[0].startswith("group   ")
        assert [re.sub(r", [\d.]+ % away$", "", line.split(maxsplit=2)[2]) for line in placed[1:]] == waits
        again = client(stack, "submit", *asked, "--idempotency-key", key).stdout.splitlines()
        assert again[0] == f"{placed[0]}  (already placed with this idempotency key)"
        for order in (line.split()[1] for line in placed[1:]):
            assert client(stack, "cancel", order).returncode == 0


def test_an_order_that_waits_is_amended_unless_it_has_changed_meanwhile(stack: Stack) -> None:
    set_price(stack, "150")
    order = client(stack, "submit", *SELL_SOL, "--type", "limit", "--limit-price", "170").stdout.split()[1]
    amended = client(stack, "amend", order, "--limit-price", "180")
    assert amended.stdout.startswith(f"order   {order}\nwaits   above 180, ")
    assert "has changed since" in error_of(client(stack, "amend", order, "--limit-price", "160", "--seq", "1"))
    assert client(stack, "amend", order).returncode == 2
    assert client(stack, "cancel", order, "--json").stdout.startswith('{"orderId"')


def test_an_operator_stops_trading_for_an_owner_and_releases_it(stack: Stack) -> None:
    stopped = client(stack, "pause", "--reason", "Prices are wrong.", "--owner", "local", "--reducing")
    assert stopped.stdout == "trading is reducing for local: Prices are wrong.\n"
    refused = error_of(client(stack, "submit", *SELL_SOL), code=3)
    assert "may have been placed" not in refused
    assert client(stack, "resume", "--owner", "local").stdout == "trading is active for local: an operator\n"
    entries = client(stack, "audit", "--action", "kill_switch.set", "--limit", "2").stdout
    assert '"reason":"Prices are wrong."' in entries


def test_a_dead_letter_is_listed_and_retried_once(stack: Stack) -> None:
    failed = client(stack, "submit", *SELL_SOL, "--min-amount-out", "99999", "--watch").stdout.split()[1]
    letters = client(stack, "dead-letters").stdout
    assert re.search(rf"^{failed}  .*  local  1\.5 SOL → USDC  3 +slippage_exceeded", letters, re.M)
    retried = client(stack, "retry", failed).stdout
    assert (
        client(stack, "retry", failed).stdout.splitlines()[0] == f"{retried.splitlines()[0]}  (it was retried before)"
    )
    assert client(stack, "show", retried.split()[1]).stdout.count(f"retry of  {failed}\n") == 1


def test_a_webhook_is_created_listed_rotated_tested_and_deleted(stack: Stack) -> None:
    address = f"http://127.0.0.1:{free_port()}/engine"
    made = client(stack, "webhooks", "create", address, "--status", "confirmed").stdout.split()
    assert (made[0], made[2], made[3][:6]) == ("webhook", "secret", "whsec_")
    assert re.search(rf"^{made[1]}  {address}  on +0 +0", client(stack, "webhooks", "list").stdout, re.MULTILINE)
    assert client(stack, "webhooks", "rotate", made[1]).stdout.split()[3] not in ("", made[3])
    assert json.loads(client(stack, "webhooks", "test", made[1], "--json").stdout).keys() == {"messageId"}
    assert client(stack, "webhooks", "replay", made[1]).stdout == "0 deliveries are sent again\n"
    assert client(stack, "webhooks", "delete", made[1]).stdout == f"webhook  {made[1]}\ndeleted\n"
    assert "no webhook with this id" in error_of(client(stack, "webhooks", "delete", made[1]))
    assert "is not the id of a webhook" in error_of(client(stack, "webhooks", "test", "../orders"))


def test_doctor_finds_nothing_wrong_with_a_running_engine(stack: Stack) -> None:
    found = client(stack, "doctor", "--json")
    assert {one["level"] for one in json.loads(found.stdout)} == {"ok"}, found.stdout
    assert found.returncode == 0
    assert "it accepts and executes orders" in client(stack, "doctor", "--url", stack.url).stdout
