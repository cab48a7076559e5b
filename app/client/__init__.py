"""The engine's own client: `engine submit`, `watch` and `simulate`. It uses the public API and nothing behind it."""


class CommandError(Exception):
    """A sentence for the person who typed the command."""

    retryable = False  # trying again may help


class Unreachable(CommandError):
    """The engine did not answer."""

    retryable = True

    def __init__(self, sentence: str, *, sent: bool) -> None:
        super().__init__(sentence)
        self.sent = sent  # the engine may have received the request


class Refused(CommandError):
    """The engine answered with an error."""

    def __init__(self, sentence: str, *, status: int, retryable: bool, retry_after: float) -> None:
        super().__init__(sentence)
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after  # seconds
