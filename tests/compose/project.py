"""The services of the compose files, from a copy of this clone: with a project, an image and ports of its own."""

import json
import os
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.stack import eventually, free_port
from tests.no_tls import NO_TLS

CLONE = Path(__file__).resolve().parents[2]
DOCKER = shlex.split(os.environ.get("DOCKER", "docker"))
COMPOSE = shlex.split(os.environ.get("COMPOSE", "docker compose"))
LOCAL = ("docker-compose.yml",)
PRODUCTION = (*LOCAL, "compose.production.yml")
IMAGE = "order-execution-engine-test"
SLOW = 180  # seconds; a container starts within five, on a machine that has time

# What an engine of this machine may have too.
APART = f"""
services:
  postgres: {{ ports: !override [] }}
  redis: {{ ports: !override [] }}
  prometheus: {{ ports: !override ["127.0.0.1::9090"] }}
  migrate: {{ image: {IMAGE} }}
  api: {{ image: {IMAGE} }}
  worker: {{ image: {IMAGE} }}
  watcher: {{ image: {IMAGE} }}
"""


class Project:
    """The copy's `.env` is `.env.example` with these settings."""

    def __init__(self, folder: Path, files: Sequence[str], **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._options = ["--project-name", f"engine-test-{uuid.uuid4().hex[:8]}"]
        for file in (*files, "apart.yml"):
            self._options += ["--file", file]
        copy(folder)
        (folder / "apart.yml").write_text(APART)
        self.configure(PORT=str(self.port), **settings)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10, verify=NO_TLS)

    def configure(self, **settings: str) -> None:
        lines = (CLONE / ".env.example").read_text().splitlines()
        kept = [line for line in lines if line.lstrip("#").partition("=")[0] not in settings]
        added = [f"{name}={value}" for name, value in settings.items()]
        (self.folder / ".env").write_text("\n".join([*kept, *added, ""]))

    def compose(self, *arguments: str) -> str:
        return run([*COMPOSE, *self._options, *arguments], self.folder)

    def up(self) -> None:
        self.compose("up", "--detach", "--wait", "--wait-timeout", str(SLOW), "--no-build")
        assert self.ready(), self.compose("logs", "--tail", "5")

    def build(self) -> None:
        self.compose("build", "api")

    def facts(self, service: str) -> dict[str, Any]:
        """What `docker inspect` says about its container."""
        [container] = self.compose("ps", "--all", "--quiet", service).split()
        [facts] = json.loads(run([*DOCKER, "inspect", container], self.folder))
        return dict(facts)

    def kill(self, service: str) -> None:
        """Kills its process as the kernel does; `docker kill` counts as stopped by the user, and is not restarted."""
        pid = self.facts(service)["State"]["Pid"]
        of_the_host = [
            "--pid",
            "host",
            "--user",
            "0",
            "--cap-add",
            "KILL",
            "--network",
            "none",
            "--entrypoint",
            "python",
        ]
        run([*DOCKER, "run", "--rm", *of_the_host, IMAGE, "-c", f"import os; os.kill({pid}, 9)"], self.folder)
        eventually(lambda: self.facts(service)["State"]["Pid"] not in (0, pid), within=SLOW)

    def ready(self) -> bool:
        """Whether everything works: Postgres, Redis, a worker and a watcher."""
        try:
            health = self.http.get("/health").json()
        except httpx.TransportError:
            return False
        return bool(health["status"] == "ok" and health["watchers"])

    def place(self, **headers: str) -> str:
        order = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"}
        answer = self.http.post("/api/orders/execute", json=order, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["orderId"])

    def status(self, order: str, **headers: str) -> str:
        try:
            return str(self.http.get(f"/api/orders/{order}", headers=headers).json().get("status"))
        except httpx.TransportError:
            return "no answer"

    def close(self) -> None:
        """Removes the containers, the volumes and the network."""
        self.http.close()
        self.compose("--profile", "monitoring", "down", "--volumes", "--timeout", "1")


def copy(folder: Path) -> None:
    """The files of the clone that are in git, or would be: without its .env and its data."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], CLONE)
    for name in filter(None, listed.split("\0")):
        if (CLONE / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CLONE / name, folder / name)


def remove_image() -> None:
    run([*DOCKER, "rmi", "--force", IMAGE], CLONE)


def run(command: Sequence[str], folder: Path) -> str:
    # Without our settings: those of the environment win over the copy's .env.
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=1200
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


SETTINGS = {
    line.lstrip("#").partition("=")[0] for line in (CLONE / ".env.example").read_text().splitlines() if "=" in line
}
