"""How the benchmark turns samples into figures."""

import asyncio
import json
from dataclasses import asdict
from typing import Any

import pytest

from tests.bench import report
from tests.bench.load import Connection, Run, length, percentile, request
from tests.bench.report import Measurement
from tests.bench.rows import Plan, Result
from tests.bench.table import DBOS, ENGINE, PEER, TableRow, Target, markdown
from tests.bench.websocket import next_frame


def row(target: Target | None, engine: list[float], peer: list[float] | None = None) -> TableRow:
    return TableRow("a thing", "per second", target, {ENGINE: engine} | ({PEER: peer} if peer else {}))


def test_a_percentile_is_one_of_the_samples() -> None:
    samples = [float(n) for n in range(1, 101)]
    assert percentile(samples, 50) == 50
    assert percentile(samples, 99) == 99
    assert percentile([7.0], 99) == 7
    assert percentile([3.0, 1.0, 2.0], 50) == 2


def test_a_ratio_is_taken_round_by_round() -> None:
    # A slow round is slow for both: it must not look like a difference.
    assert row(None, [100, 10, 100], [50, 5, 50]).ratio == 2


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(at_least=100), True),
        (Target(at_least=101), False),
        (Target(at_most=100), True),
        (Target(at_least=100, ratio_at_least=2), True),
        (Target(at_least=100, ratio_at_least=2.1), False),
        (Target(ratio_at_most=2), True),
        (Target(ratio_at_most=1.9), False),
        (Target(ratio_at_least=1, ratio_at_most=1.9), False),
        (None, None),
    ],
)
def test_a_target_is_met_only_as_a_whole(target: Target | None, met: bool | None) -> None:
    assert row(target, [90, 100, 300], [50, 50, 50]).met is met


def test_a_target_without_a_figure_is_neither_met_nor_missed() -> None:
    assert TableRow("a thing", "", Target(at_least=1)).met is None
    assert "| a thing | 3.14 | - | - | - | ≥ 1 | - |" in markdown(
        [("3.14", TableRow("a thing", "", Target(at_least=1)))]
    )


def test_a_ratio_target_without_a_peer_is_neither_met_nor_missed() -> None:
    assert row(Target(at_least=1, ratio_at_least=2), [5]).met is None


def test_a_frame_is_read_when_it_is_complete() -> None:
    short, long = b"\x81\x02hi", b"\x81\x7e\x01\x00" + b"x" * 256
    assert next_frame(short + b"rest") == (1, b"hi", b"rest")
    assert next_frame(long) == (1, b"x" * 256, b"")
    assert all(next_frame(long[:cut]) is None for cut in range(len(long)))


@pytest.mark.parametrize("name", ["content-length", "Content-Length"])
def test_the_length_of_an_answer_is_found_in_either_spelling(name: str) -> None:
    answer = f"HTTP/1.1 202 Accepted\r\n{name}: 12\r\nx: y\r\n\r\n".encode()
    assert length(answer, answer.index(b"\r\n\r\n")) == 12


class RecordingTransport(asyncio.Transport):
    """Keeps all written data."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(data)


async def test_a_request_is_sent_when_the_answer_to_the_previous_one_is_complete() -> None:
    run, transport = Run([request(80, "/", "{}")], 2), RecordingTransport()
    run.bodies = []
    connection = Connection(run.answered, run.lost)
    connection.connection_made(transport)
    connection.request = run.requests[0]
    run.next(connection)
    for piece in (b"HTTP/1.1 202 Acc", b"epted\r\ncontent-length: 2\r\n\r\n", b"o"):
        connection.data_received(piece)
        assert len(transport.written) == 1
    connection.data_received(b"k")
    assert len(transport.written) == 2
    connection.data_received(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
    assert run.done.done()
    assert run.statuses == {b"202": 1, b"503": 1}
    assert run.bodies == [b"ok", b""]
    assert len(transport.written) == 2


def measurement(name: str, python: str, figure: float) -> Measurement:
    result = Result([row(Target(at_least=1, ratio_at_most=2), [figure], [figure])], cpu=[row(None, [figure])])
    return Measurement(name=name, result=result, rounds=1, seconds=60, python=python)


def test_a_measurement_of_one_row_keeps_the_others() -> None:
    before = [measurement("post", "3.11", 1), measurement("live", "3.11", 2)]
    after = report.merged(before, [measurement("live", "3.14", 3), measurement("post", "3.11", 4)], ["post", "live"])
    figures = [(one.name, one.python, one.result.rows[0].median(ENGINE)) for one in after]
    assert figures == [("post", "3.11", 4), ("live", "3.11", 2), ("live", "3.14", 3)]


def test_kept_figures_are_read_as_they_were_measured() -> None:
    one = measurement("post", "3.11", 1)
    assert Measurement.from_json(json.loads(json.dumps(asdict(one)))) == one


def test_each_row_names_its_interpreter_and_the_system_beside_the_engine() -> None:
    one, two = measurement("post", "3.11", 1), measurement("post", "3.14", 1)
    two.result.rows[0].other = DBOS
    page = report.render([one, two], Plan())
    assert "| a thing, per second | 3.11 | 1 | 1 | 1.00 | ≥ 1, ≤ 2 times | yes |" in page
    assert "| a thing, per second | 3.14 | 1 | - | - | ≥ 1, ≤ 2 times | - |" in page
    assert "| | Python | engine | DBOS | engine / DBOS | target | met |" in page


def test_a_request_bears_the_key_of_its_caller() -> None:
    assert request(80, "/", "{}", "authorization: Bearer k\r\n").split(b"\r\n")[2] == b"authorization: Bearer k"


def test_the_page_has_a_place_for_the_tables() -> None:
    assert report.PAGE.read_text().index(report.BEGIN) < report.PAGE.read_text().index(report.END)
