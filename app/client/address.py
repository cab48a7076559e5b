"""The address of the engine that a command talks to."""

from app.settings import load


def base_url(given: str | None) -> str:
    """The given address, else PUBLIC_URL, else the running `engine up`, else PORT on this machine."""
    if given:
        return given.rstrip("/")
    settings = load()
    if settings.public_url:
        return settings.public_url.rstrip("/")
    from app.local import state

    try:
        running = state.read(settings.engine_home.absolute())
    except (OSError, ValueError, TypeError):  # written by another user or another version
        running = None
    return running.url if running else f"http://127.0.0.1:{settings.port}"
