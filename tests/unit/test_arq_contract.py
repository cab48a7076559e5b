"""The pickup overrides methods of arq that are public by name only: what it relies on, held against the release."""

import inspect
from importlib.metadata import version

import pytest
from arq import constants
from arq.worker import Worker

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


def test_the_key_of_a_lock_is_the_one_our_scripts_name() -> None:
    assert constants.in_progress_key_prefix == "arq:in-progress:"
