"""The commands that talk to an engine, against a running one or another server."""

import json
import os
import pty
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests import postgres_template
from tests.acceptance.stack import ENGINE, Stack, engine, environment, eventually, free_port, in_process, running
from tests.no_tls import NO_TLS

HAPPY = ["pending", "routing", "building", "submitted", "confirmed"]
SELL_SOL = ("--token-in", "SOL", "--token-out", "USDC", "--amount", "1.5")
FAST = {
    "MOCK_QUOTE_MS": "0",
    "MOCK_EXECUTION_MS_MIN": "300",
    "MOCK_EXECUTION_MS_MAX": "300",
    "RETRY_BASE_SECONDS": "0.05",
    "MIN_SLICE_SECONDS": "1",
}
EVENT = re.compile(r"^ +\d+\.\d{3} s  (\w+)", re.MULTILINE)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="engine client ") as directory:
        Path(directory).chmod(0o711)
        postgres_template.copy_to(home := Path(directory) / "home")
        with running(home, **FAST) as started:
            yield started


@pytest.fixture(scope="module")
def submitted(stack: Stack) -> subprocess.CompletedProcess[str]:
    """One order with an idempotency key, submitted and watched to its end."""
    return engine(stack.home, "submit", *SELL_SOL, "--idempotency-key", "the first", "--watch")


@pytest.fixture(scope="module")
def order(submitted: subprocess.CompletedProcess[str]) -> str:
    """The printed id of that order."""
    return submitted.stdout.split()[1]


def client(stack: Stack, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return in_process(stack.home, *arguments, **settings)


def started(stack: Stack, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*ENGINE, *arguments],
        cwd="/",
        env=environment(stack.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_until(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout
    read = ""
    while word not in read:
        line = process.stdout.readline()
        assert line, f"ended without {word}: {read}"
        read += line
    return read


def error_of(failed: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """The error of a command that failed: one line on stderr."""
    assert failed.returncode == code, failed
    assert failed.stdout == ""
    assert failed.stderr.count("\n") == 1, failed.stderr
    return failed.stderr


def test_submit_watch_prints_the_five_statuses_in_order(submitted: subprocess.CompletedProcess[str]) -> None:
    assert EVENT.findall(submitted.stdout) == HAPPY
    assert submitted.returncode == 0
    assert submitted.stderr == ""


def test_submit_prints_the_order_its_status_and_its_socket(
    stack: Stack, submitted: subprocess.CompletedProcess[str], order: str
) -> None:
    assert submitted.stdout.splitlines()[1:3] == [
        "status  pending",
        f"socket  ws://{stack.url.removeprefix('http://')}/api/orders/execute?orderId={order}",
    ]


def test_one_idempotency_key_is_one_order(stack: Stack, order: str) -> None:
    again = client(stack, "submit", *SELL_SOL, "--idempotency-key", "the first")
    assert again.stdout.startswith(f"order   {order}  (already placed with this idempotency key)\nstatus  confirmed\n")


def test_watch_after_an_event_starts_with_the_next(stack: Stack, order: str) -> None:
    assert EVENT.findall(client(stack, "watch", order, "--after", "3").stdout) == HAPPY[3:]


def test_watch_after_the_last_event_says_how_the_order_ended(stack: Stack, order: str) -> None:
    beyond = client(stack, "watch", order, "--after", "9")
    assert (beyond.returncode, beyond.stdout) == (0, "")
    assert "the order is confirmed" in beyond.stderr


def test_watch_resumes_after_the_last_event_when_the_api_dies(stack: Stack) -> None:
    watching = started(stack, "submit", *SELL_SOL, "--watch")
    before = read_until(watching, "submitted")
    os.kill(stack.status()["api"]["pid"], signal.SIGKILL)
    rest, errors = watching.communicate(timeout=20)
    assert EVENT.findall(before + rest) == HAPPY
    assert "resuming after event 4" in errors
    assert watching.returncode == 0


def test_a_failed_order_shows_its_attempts_and_exits_with_1(stack: Stack) -> None:
    failed = client(stack, "submit", *SELL_SOL, "--min-amount-out", "99999", "--watch")
    assert EVENT.findall(failed.stdout) == ["pending", "routing"] * 3 + ["failed"]
    assert "attempt 1: " in failed.stdout
    assert "(slippage_exceeded)  retry in 0.050 s" in failed.stdout
    assert failed.returncode == 1


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


def test_a_field_of_another_order_type_is_refused(stack: Stack) -> None:
    assert "limitPrice: unknown field" in error_of(client(stack, "submit", *SELL_SOL, "--limit-price", "155"))
    assert "orderType: must be one of" in error_of(client(stack, "submit", *SELL_SOL, "--type", "limt"))


def test_watching_an_unknown_order_is_one_sentence(stack: Stack) -> None:
    order = str(uuid4())
    assert error_of(client(stack, "watch", order)) == f"engine: There is no order {order} at {stack.url}.\n"


def test_a_refused_simulation_names_the_wrong_field(stack: Stack) -> None:
    refused = client(stack, "simulate", "--token-in", "SOL", "--token-out", "DOGE", "--amount", "1")
    assert "tokenOut: this token is not traded here" in error_of(refused)


def test_simulate_confirms_five_in_plain_lines(stack: Stack) -> None:
    done = client(stack, "simulate", "--count", "5")
    assert done.returncode == 0
    assert "5 orders: 5 confirmed" in done.stdout
    for number in range(1, 6):
        of_one = [line for line in done.stdout.splitlines() if line.startswith(f"#{number} ")]
        assert [next(word for word in HAPPY if word in line) for line in of_one] == HAPPY
    assert done.stdout.replace("\n", "").isprintable()


def test_simulate_draws_a_table_on_a_terminal_and_restores_the_cursor(stack: Stack) -> None:
    ours, terminal = pty.openpty()
    drawing = subprocess.Popen(
        [*ENGINE, "simulate", "--count", "2"],
        cwd="/",
        env=environment(stack.home, TERM="xterm"),
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    drawn = b""
    try:
        while piece := os.read(ours, 65536):
            drawn += piece
    except OSError:  # on Linux: the other end is closed
        pass
    os.close(ours)
    assert drawing.wait(10) == 0
    assert drawn.count(b"\x1b[?25l") == drawn.count(b"\x1b[?25h") == 1
    assert "●●●●○ submitted".encode() in re.sub(rb"\x1b\[[0-9;]*m", b"", drawn)
    assert "●●●●● confirmed".encode() in re.sub(rb"\x1b\[[0-9;]*m", b"", drawn)


def test_orders_are_listed_and_one_is_shown_with_its_events(stack: Stack, order: str) -> None:
    listed = client(stack, "orders", "--status", "confirmed", "--limit", "200")
    assert listed.stdout.startswith("ORDER ")
    assert re.search(rf"^{order}  .*  confirmed +market +1\.5 SOL → USDC +\w+ +[\d.]+ +[\d.]+$", listed.stdout, re.M)
    client(stack, "submit", *SELL_SOL)
    few = client(stack, "orders", "--limit", "1")
    assert len(few.stdout.splitlines()) == 2
    assert "use --limit" in few.stderr
    shown = client(stack, "show", order).stdout
    assert shown.startswith(f"order     {order}\nstatus    confirmed\n")
    assert EVENT.findall(shown) == HAPPY


def test_json_is_the_answer_of_the_api_with_all_its_digits(stack: Stack, order: str) -> None:
    answer = httpx.get(f"{stack.url}/api/orders/{order}", verify=NO_TLS).text
    assert client(stack, "show", order, "--json").stdout == f"{answer}\n"
    page = json.loads(client(stack, "orders", "--json", "--limit", "2").stdout)
    assert len(page["orders"]) == 2
    frames = [json.loads(line) for line in client(stack, "watch", order, "--json").stdout.splitlines()]
    assert [frame["status"] for frame in frames] == HAPPY
    placed = client(stack, "submit", *SELL_SOL, "--json", "--watch").stdout.splitlines()
    assert [json.loads(line)["status"] for line in placed] == ["pending", *HAPPY]


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


@pytest.fixture
def frozen_worker(stack: Stack) -> Iterator[None]:
    """No order starts, so a watched order stays pending."""
    pid = stack.status()["worker"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


@pytest.mark.usefixtures("frozen_worker")
def test_ctrl_c_exits_with_130_and_prints_nothing(stack: Stack) -> None:
    watching = started(stack, "submit", *SELL_SOL, "--watch")
    read_until(watching, " s  pending")  # the event, not the line "status  pending"
    watching.send_signal(signal.SIGINT)
    assert watching.communicate(timeout=10) == ("", "")
    assert watching.returncode == 130


@pytest.mark.parametrize(
    "command", [["simulate"], ["orders"], ["show", str(uuid4())], ["pause"], ["retry", str(uuid4())]]
)
def test_no_engine_is_one_sentence(tmp_path: Path, command: list[str]) -> None:
    port = str(free_port())
    error = error_of(in_process(tmp_path / "home", *command, PORT=port), code=3)
    assert error == f"engine: The engine at http://127.0.0.1:{port} cannot be reached; `engine up` starts one.\n"


class Hostile(BaseHTTPRequestHandler):
    """Answers every request with terminal control sequences."""

    keys: list[str | None]  # of the requests it received

    def do_POST(self) -> None:
        self.keys.append(self.headers["Authorization"])
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"detail": "\x1b]0;owned\x07\x1b[2J\u202eevil", "errors": [{"pointer": 7}]}).encode()
        self.send_response(422)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_cannot_control_the_terminal_and_receives_the_key(tmp_path: Path) -> None:
    Hostile.keys = []
    with HTTPServer(("127.0.0.1", 0), Hostile) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        error = error_of(engine(tmp_path, "submit", *SELL_SOL, "--url", address, ENGINE_API_KEY="secret"))
        server.shutdown()
    assert error.rstrip("\n").isprintable()
    assert "owned" in error
    assert Hostile.keys == ["Bearer secret"]
