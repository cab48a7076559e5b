"""The pickup overrides methods of arq that are public by name only: what it relies on, held against the release."""

import inspect
from importlib.metadata import version
from typing import Any

import pytest
from arq import constants
from arq.worker import Worker

from app.orders.queue import JOB, deserialize, serialize
from worker.pickup import Pickup


def test_it_is_the_release_that_was_read() -> None:
    assert version("arq").startswith("0.28.")


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("start_jobs", ["self", "job_ids"]),
        ("run_job", ["self", "job_id", "score"]),
        ("finish_failed_job", ["self", "job_id", "result_data"]),
        ("heart_beat", ["self"]),
        ("async_run", ["self"]),
        ("handle_sig_wait_for_completion", ["self", "signum"]),
    ],
)
def test_the_methods_we_override_or_call_have_the_shape_we_expect(method: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(Worker, method)).parameters) == parameters


@pytest.mark.parametrize("method", ["start_jobs", "run_job", "finish_job", "finish_failed_job", "heart_beat"])
def test_we_override_what_arq_calls(method: str) -> None:
    assert method in vars(Pickup)
    assert f"self.{method}(" in inspect.getsource(Worker)


def test_each_round_takes_jobs_and_then_rests() -> None:
    source = inspect.getsource(Worker._poll_iteration)
    assert source.index("self.start_jobs") < source.index("self.heart_beat")


def test_a_job_ends_through_our_script_whatever_became_of_it() -> None:
    source = inspect.getsource(Worker.run_job)
    assert source.count("self.finish_job(") == 1
    assert "self.finish_failed_job(" in source


def test_the_keys_are_those_our_scripts_name() -> None:
    assert constants.job_key_prefix == "arq:job:"
    assert constants.in_progress_key_prefix == "arq:in-progress:"
    assert constants.retry_key_prefix == "arq:retry:"


def test_a_job_survives_json() -> None:
    job: dict[str, Any] = {"t": None, "f": JOB, "a": ("id",), "k": {}, "et": 0}
    assert deserialize(serialize(job)) == job | {"a": ["id"]}
