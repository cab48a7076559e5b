"""Who is calling, and so whose orders they may see."""

from dataclasses import dataclass

from fastapi import Request, WebSocket

from app.settings import Settings

LOCAL_OWNER = "local"


@dataclass(frozen=True, slots=True)
class Caller:
    owner: str
    operator: bool


class NotAllowed(Exception):
    """No key, or not the right one."""


class Doorkeeper:
    """Local mode knows one caller, who may do everything: it listens on loopback only."""

    def __init__(self, settings: Settings) -> None:
        self._local = settings.engine_mode == "local"

    def caller(self, _: Request | WebSocket) -> Caller:
        if not self._local:
            raise NotAllowed  # keys are not made yet: better nobody than anybody
        return Caller(LOCAL_OWNER, operator=True)
