"""The pickup overrides methods of arq that are public by name only: what it relies on, held against the release."""

import inspect
from importlib.metadata import version
from typing import Any

import pytest
from arq import constants
from arq.worker import Worker

from app.orders.queue.order_queue import JOB, deserialize, job_of, order_of, serialize
from worker.arq_worker import ArqWorker


def test_it_is_the_release_that_was_read() -> None:
    assert version("arq").startswith("0.28.")


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("main", ["self"]),
        ("async_run", ["self"]),
        ("handle_sig_wait_for_completion", ["self", "signum"]),
    ],
)
def test_the_methods_we_override_or_call_have_the_shape_we_expect(method: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(Worker, method)).parameters) == parameters


def test_arq_runs_our_main_and_nothing_else() -> None:
    assert "main" in vars(ArqWorker)
    source = inspect.getsource(Worker.async_run)
    assert source.count("await ") == 1
    assert "self.main_task = self.loop.create_task(self.main())" in source


def test_a_stopping_worker_takes_no_more_jobs_and_waits_for_running_ones() -> None:
    assert "self.allow_pick_jobs = False" in inspect.getsource(Worker.handle_sig_wait_for_completion)
    waiting = inspect.getsource(Worker._wait_for_tasks_to_complete) + inspect.getsource(
        Worker._sleep_until_tasks_complete
    )
    for relied_on in ("len(self.tasks)", "self._job_completion_wait", "in self.tasks.values()", "t.cancel()"):
        assert relied_on in waiting


def test_the_keys_are_those_our_scripts_name() -> None:
    assert constants.job_key_prefix == "arq:job:"
    assert constants.in_progress_key_prefix == "arq:in-progress:"
    assert constants.retry_key_prefix == "arq:retry:"


def test_a_job_survives_json() -> None:
    job: dict[str, Any] = {"t": None, "f": JOB, "a": ("id",), "k": {}, "et": 0}
    assert deserialize(serialize(job)) == job | {"a": ["id"]}


def test_a_job_is_read_for_the_order_it_names() -> None:
    order = "01a1fcdd-4c14-773b-8d77-909b122b0037"
    assert order_of(job_of(order)) == order
    assert order_of(job_of("another text")) is None


@pytest.mark.parametrize("arguments", [None, 5, [], ["a", "b"], {}])
def test_a_job_that_names_no_one_order_ends_no_worker(arguments: Any) -> None:
    assert order_of(serialize({"t": None, "f": JOB, "a": arguments, "k": {}, "et": 0})) is None


@pytest.mark.parametrize("job", [b"", b"noise", b"[]", b"{}"])
def test_what_is_no_job_ends_no_worker(job: bytes) -> None:
    assert order_of(job) is None
