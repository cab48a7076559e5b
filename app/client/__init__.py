"""The engine's own client, for the commands of the command line. It uses the public API and nothing behind it."""

# The exit codes of the commands; docs/cli.md has the same table. 2 is a command that was typed wrongly.
FAILED, NOT_NOW, UNCERTAIN = 1, 3, 4
INTERRUPTED, TERMINATED = 130, 143


class CommandError(Exception):
    """A sentence for the person who typed the command."""

    retryable = False  # trying again may help

    @property
    def exit_code(self) -> int:
        return NOT_NOW if self.retryable else FAILED


class Unreachable(CommandError):
    """The engine did not answer."""

    retryable = True

    def __init__(self, sentence: str, *, sent: bool) -> None:
        super().__init__(sentence)
        self.sent = sent  # the engine may have received the request


class Unreadable(CommandError):
    """The engine, or what is in its place, answered with something else than an engine does."""


class MayBePlaced(CommandError):
    """Nobody knows whether an order was placed."""

    exit_code = UNCERTAIN


class Refused(CommandError):
    """The engine answered with an error."""

    def __init__(self, sentence: str, *, status: int, code: str | None, retryable: bool, retry_after: float) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code  # of the problem document
        self.retryable = retryable
        self.retry_after = retry_after  # seconds
