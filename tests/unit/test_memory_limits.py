"""No container can take the memory of the machine, and each gets what its settings allow it to use."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings
from tests.unit.test_kubernetes import RUNNING, container

COMPOSE = yaml.safe_load((Path(__file__).resolve().parents[2] / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
UNITS = {"m": 2**20, "mb": 2**20, "g": 2**30, "Mi": 2**20, "Gi": 2**30}
SOCKET_BYTES = 40 * 1024  # docs/performance.md: 10,000 open sockets
PROCESS_BYTES = 100 * 2**20


def in_bytes(size: str) -> int:
    digits = "".join(filter(str.isdigit, size))
    return int(digits) * UNITS[size.removeprefix(digits)]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_of_compose_has_a_memory_limit_and_no_unlimited_tmpfs(name: str) -> None:
    limit = in_bytes(SERVICES[name]["mem_limit"])
    for mount in SERVICES[name].get("tmpfs", []):
        path, _, size = mount.partition(":size=")
        assert path == "/tmp"
        assert in_bytes(size) <= limit / 10


@pytest.mark.parametrize("name", RUNNING)
def test_every_container_of_kubernetes_has_a_memory_limit(name: str) -> None:
    assert in_bytes(container(name)["resources"]["limits"]["memory"]) >= 2 * PROCESS_BYTES


def test_the_api_has_memory_for_all_its_sockets() -> None:
    needed = Settings.model_fields["max_sockets"].default * SOCKET_BYTES + PROCESS_BYTES
    assert in_bytes(SERVICES["api"]["mem_limit"]) >= needed
    assert in_bytes(container("engine-api")["resources"]["limits"]["memory"]) >= needed


def test_redis_refuses_writes_before_its_container_runs_out_of_memory() -> None:
    command = SERVICES["redis"]["command"]
    option = dict(zip(command[1::2], command[2::2], strict=True))
    assert option["--maxmemory-policy"] == "noeviction"
    assert in_bytes(option["--maxmemory"]) * 2 <= in_bytes(SERVICES["redis"]["mem_limit"])
