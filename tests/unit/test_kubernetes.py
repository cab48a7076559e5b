"""deploy/kubernetes: no container runs as root or writes to its disk, no secret is included, every name exists."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.preflight import refuse_unsafe
from app.settings import Settings, SettingsError, load
from tests.unit.test_docs import commands
from tests.unit.test_preflight import SAFE

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"


def documents(name: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all((FOLDER / name).read_text()) if document]


LISTED: list[str] = documents("kustomization.yaml")[0]["resources"]
ALL = [document for name in LISTED for document in documents(name)]
RUNNING = {one["metadata"]["name"]: one["spec"] for one in ALL if one["kind"] in ("Deployment", "Job")}
SETTINGS = next(one["data"] for one in ALL if one["kind"] == "ConfigMap")


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = RUNNING[name]["template"]["spec"]
    return spec


def container(name: str) -> dict[str, Any]:
    [only] = pod(name)["containers"]
    return dict(only)


def test_every_file_except_the_secret_is_applied() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")}
    assert files == {*LISTED, "kustomization.yaml", "secret.example.yaml"}


@pytest.mark.parametrize("name", RUNNING)
def test_a_process_runs_an_engine_command_unprivileged_on_a_read_only_disk(name: str) -> None:
    engine, command = container(name)["command"]
    assert engine == "engine"
    assert command in commands()
    uid = re.search(r"useradd --uid (\d+)", (FOLDER.parents[1] / "Dockerfile").read_text())
    assert uid
    assert pod(name)["securityContext"]["runAsNonRoot"] is True
    assert pod(name)["securityContext"]["runAsUser"] == int(uid[1])
    assert pod(name)["automountServiceAccountToken"] is False
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container(name)["resources"].keys() == {"requests", "limits"}


@pytest.mark.parametrize("name", [name for name in RUNNING if name != "engine-migrate"])
def test_a_probe_uses_a_port_and_a_path_that_exist(name: str) -> None:
    ports = {port["name"]: port["containerPort"] for port in container(name)["ports"]}
    metrics = SETTINGS.get(f"{name.removeprefix('engine-').upper()}_METRICS_PORT", 0)
    assert ports in ({"http": Settings.model_fields["port"].default}, {"metrics": int(metrics)})
    probes = [probe["httpGet"] for key, probe in container(name).items() if key.endswith("Probe")]
    assert len(probes) >= 2
    for get in probes:
        assert get["port"] in ports
        assert get["path"] in ("/health/live", "/health/ready", "/metrics")


@pytest.mark.parametrize("kind", ["PodDisruptionBudget", "Service"])
def test_a_selector_matches_the_pods_of_one_deployment(kind: str) -> None:
    labels = [RUNNING[name]["template"]["metadata"]["labels"] for name in RUNNING]
    found = [one["spec"]["selector"] for one in ALL if one["kind"] == kind]
    assert found
    for selector in found:
        assert labels.count(selector.get("matchLabels", selector)) == 1


def test_the_settings_exist_and_the_sample_values_are_refused() -> None:
    [secret] = documents("secret.example.yaml")
    assert {*SETTINGS, *secret["stringData"]} <= {name.upper() for name in Settings.model_fields}
    assert set(secret["stringData"].values()) == {""}
    given = {name.lower(): value for name, value in SETTINGS.items()}
    with pytest.raises(SettingsError, match="ALLOWED_ORIGINS: this is the value of the example"):
        refuse_unsafe(load(_env_file=None, **SAFE | given), api=True)
