"""The engine's own client: `engine submit`, `watch` and `simulate`. It knows the public API and nothing behind it."""


class CommandError(Exception):
    """A sentence for the person who typed the command."""

    passing = False  # whether trying again can help


class Unreachable(CommandError):
    """No answer came."""

    passing = True

    def __init__(self, sentence: str, *, sent: bool) -> None:
        super().__init__(sentence)
        self.sent = sent  # whether the engine may have got the request all the same


class Refused(CommandError):
    """The engine answered, and not with what was asked for."""

    def __init__(self, sentence: str, *, status: int, passing: bool, retry_after: float) -> None:
        super().__init__(sentence)
        self.status = status
        self.passing = passing
        self.retry_after = retry_after  # seconds
