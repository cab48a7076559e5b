"""Which engine a command means when it is not told."""

from app.settings import load


def base_url(given: str | None) -> str:
    """The one named; or else PUBLIC_URL, the stack that runs here, or the port that one would use."""
    if given:
        return given.rstrip("/")
    settings = load()
    if settings.public_url:
        return settings.public_url.rstrip("/")
    from app.local import state

    try:
        running = state.read(settings.engine_home.absolute())
    except (OSError, ValueError, TypeError):  # another's, or another version's
        running = None
    return running.url if running else f"http://127.0.0.1:{settings.port}"
