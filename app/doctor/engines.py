"""The engine itself, over its API: here or far away."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.client import CommandError, Refused, Unreachable
from app.client.address import engine as engine_at
from app.client.engine import Engine
from app.client.fields import json_object, printable, text_in
from app.doctor import Finding, Place
from app.server.listener import listen, url_of
from app.settings import SettingsError
from migrations.revisions import known_revisions

SECONDS = 5.0  # for an engine to answer

# how a reason of /health begins → what to do
ADVICE: Mapping[str, str] = {
    "postgres is down": "start Postgres, or correct its address where the API runs",
    "postgres has no disk space": "free some on the disk of Postgres",
    "no worker is running": "start one (`engine worker`); if it ends at once, its last line of log says why",
    "orders are due": "look at the log of the workers, and at QueueStalled in docs/operating.md",
}


async def here(place: Place) -> list[Finding]:
    """The engine at the port of this machine; or whether one could listen there."""
    host, port = place.settings.host, place.settings.port
    try:
        async with Engine(place.running.url if place.running else url_of(host, port)) as engine:
            health = await _read_health(engine)
        if place.embeds and not place.running:
            found = f"port {port} belongs to the engine of another ENGINE_HOME"
            return [Finding("port", "fault", found, "set its ENGINE_HOME, or another PORT")]
        return of_health(health, ours=True)
    except CommandError as error:
        if place.running:
            found = "`engine up` runs, and its API does not answer"
            return [Finding("engine", "fault", found, "read its log, and start it again")]
        if not isinstance(error, Unreachable) or error.sent:
            found = f"port {port} belongs to another program"
            return [Finding("port", "fault", found, "stop that program, or set another PORT")]
    try:
        listen(host, port).close()
    except SettingsError as error:
        what, _, todo = str(error).rstrip(".").partition("; ")
        return [Finding("port", "fault", what, todo or "correct HOST or PORT")]
    return [Finding("port", "ok", f"{port} is free; `engine up` starts an engine there")]


async def at(url: str) -> list[Finding]:
    """A remote engine: whether it answers, and takes our key."""
    try:
        async with engine_at(url) as engine:
            found = of_health(await _read_health(engine), ours=False)
            return [*found, await _key(engine)]
    except CommandError as error:
        return [Finding("engine", "fault", str(error).rstrip("."), "correct --url, or start the engine there")]


async def _read_health(engine: Engine) -> Mapping[str, Any]:
    health = json_object(await engine.request("GET", "/health", timeout=SECONDS))
    if not isinstance(health.get("reasons"), list) or "expectedRevision" not in health:
        raise CommandError(f"{engine.name} is not this engine.")
    return health


def of_health(health: Mapping[str, Any], *, ours: bool) -> list[Finding]:
    return list(_troubles(health, ours)) or [Finding("engine", "ok", "it accepts and executes orders")]


def _troubles(health: Mapping[str, Any], ours: bool) -> Iterator[Finding]:
    """What keeps the engine from accepting, executing or firing orders."""
    reasons = [printable(str(reason)) for reason in health["reasons"]]
    for reason in reasons:
        what, _, todo = reason.partition(": ")
        todo = todo or next((todo for start, todo in ADVICE.items() if reason.startswith(start)), "read its log")
        yield Finding("engine", "fault", what, todo)
    if health.get("redis") == "down":
        yield Finding("engine", "fault", "redis is down", "start Redis, or correct its address where the API runs")
    if health.get("watchers") == 0:
        what = "no watcher is running: orders that wait are not fired"
        yield Finding("engine", "warning", what, "start one (`engine watcher`)")
    if health.get("failingTasks"):
        yield Finding("engine", "warning", "tasks of a watcher fail", "read its log")
    if (trading := text_in(health, "trading")) not in ("active", None):
        yield Finding("engine", "warning", f"trading is {trading}", "`engine resume`")
    if waits := text_in(health, "reconciling"):
        yield Finding("engine", "warning", f"it asks the chain about every order, and waits for {waits}", "wait")
    if ours and health.get("expectedRevision") != known_revisions()[-1]:
        yield Finding("engine", "warning", "it runs another version than this command", "start it again")


async def _key(engine: Engine) -> Finding:
    try:
        await engine.request("GET", "/api/limits")
    except Refused as refused:
        if refused.status != 401:
            raise
        todo = "set ENGINE_API_KEY to a live key of this engine: `engine keys create` makes one"
        return Finding("key", "fault", str(refused).rstrip("."), todo)
    return Finding("key", "ok", "it is taken")
