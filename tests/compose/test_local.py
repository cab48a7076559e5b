"""`docker compose up` in local mode, as a user runs it. `make test-compose` says what it needs."""

from collections.abc import Iterator

import pytest
import yaml

from tests.acceptance.stack import eventually
from tests.compose.project import CLONE, LOCAL, SLOW, Project
from tests.unit.test_memory_limits import in_bytes

SERVICES = yaml.safe_load((CLONE / "docker-compose.yml").read_text())["services"]
RUNNING = ("postgres", "redis", "api", "worker", "watcher")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project(tmp_path_factory.mktemp("a clone"), LOCAL)
    try:
        project.build()
        project.up()
        yield project
    finally:
        project.close()


def test_an_order_is_filled(local: Project) -> None:
    order = local.place()
    eventually(lambda: local.status(order) == "confirmed", within=SLOW)


@pytest.mark.parametrize("service", RUNNING)
def test_a_killed_container_comes_back_and_no_order_is_lost(local: Project, service: str) -> None:
    orders = [local.place() for _ in range(5)]
    local.kill(service)
    eventually(local.ready, within=SLOW)
    eventually(lambda: {local.status(order) for order in orders} == {"confirmed"}, within=SLOW)


@pytest.mark.parametrize("service", RUNNING)
def test_the_memory_limit_of_the_file_is_that_of_the_container(local: Project, service: str) -> None:
    assert local.facts(service)["HostConfig"]["Memory"] == in_bytes(SERVICES[service]["mem_limit"])


def test_what_takes_more_than_its_memory_is_killed(local: Project) -> None:
    take = "import sys; taken = bytearray(int(sys.argv[1])); taken[::4096] = b'1' * len(taken[::4096]); print('taken')"
    limit = in_bytes(SERVICES["watcher"]["mem_limit"])
    ask = ("exec", "--no-TTY", "watcher", "python", "-c", take)
    assert local.compose(*ask, str(limit // 4)) == "taken\n"
    with pytest.raises(AssertionError, match="exec"):
        local.compose(*ask, str(limit * 4))  # twice as much as with the swap that docker adds
    eventually(local.ready, within=SLOW)


def test_prometheus_loads_every_alert_and_reaches_every_process(local: Project) -> None:
    local.compose("--profile", "monitoring", "up", "--detach", "prometheus")
    address = local.compose("--profile", "monitoring", "port", "prometheus", "9090").strip()

    def asked(path: str) -> dict[str, list[dict[str, str]]]:
        return dict(local.http.get(f"http://{address}/api/v1/{path}").json()["data"])

    def reached() -> set[str]:
        return {target["scrapePool"] for target in asked("targets")["activeTargets"] if target["health"] == "up"}

    eventually(lambda: reached() == {"engine-api", "engine-worker", "engine-watcher"}, within=SLOW)
    [group] = asked("rules")["groups"]
    [written] = yaml.safe_load((CLONE / "deploy/monitoring/alerts.yml").read_text())["groups"]
    assert len(group["rules"]) == len(written["rules"])


def test_after_down_and_up_every_order_is_there(local: Project) -> None:
    order = local.place()
    eventually(lambda: local.status(order) == "confirmed", within=SLOW)
    local.compose("--profile", "monitoring", "down")
    local.up()
    assert local.status(order) == "confirmed"
    order = local.place()
    eventually(lambda: local.status(order) == "confirmed", within=SLOW)
