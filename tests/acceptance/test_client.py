"""The commands that talk to an engine, against a running one or another server."""

import json
import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.acceptance.commands import EVENT, HAPPY, SELL_SOL, client, error_of, quick_stack
from tests.acceptance.stack import ENGINE, Stack, engine, environment, free_port, in_process
from tests.no_tls import NO_TLS


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with quick_stack() as started:
        yield started


@pytest.fixture(scope="module")
def submitted(stack: Stack) -> subprocess.CompletedProcess[str]:
    """One order with an idempotency key, submitted and watched to its end."""
    return engine(stack.home, "submit", *SELL_SOL, "--idempotency-key", "the first", "--watch")


@pytest.fixture(scope="module")
def order(submitted: subprocess.CompletedProcess[str]) -> str:
    """The printed id of that order."""
    return submitted.stdout.split()[1]


def started(stack: Stack, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*ENGINE, *arguments],
        cwd="/",
        env=environment(stack.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )


def read_until(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout
    read = ""
    while word not in read:
        line = process.stdout.readline()
        assert line, f"ended without {word}: {read}"
        read += line
    return read


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
