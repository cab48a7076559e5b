"""The engine that a command talks to."""

import os

import typer

from app.client.engine import Engine, is_loopback
from app.local import state
from app.settings import Settings, load


def engine(url: str | None) -> Engine:
    """At this address, with the key in ENGINE_API_KEY: a command line can be read by every user of the machine."""
    address, key = base_url(url), os.environ.get("ENGINE_API_KEY")
    engine = Engine(address, key)
    if key and address.startswith("http:") and not is_loopback(address):
        typer.echo(f"engine: The key can be read on its way to {engine.name}: use https.", err=True)
    return engine


def base_url(given: str | None) -> str:
    """The given address, else PUBLIC_URL, else the running `engine up`, else PORT on this machine."""
    if given:
        return given.rstrip("/")
    settings = load()
    if settings.public_url:
        return settings.public_url.rstrip("/")
    found = running(settings)
    return found.url if found else f"http://127.0.0.1:{settings.port}"


def running(settings: Settings) -> state.Running | None:
    """The `engine up` of this ENGINE_HOME."""
    try:
        return state.read(settings.engine_home.absolute())
    except (OSError, ValueError, TypeError):  # written by another user or another version
        return None
