"""Whether an attempt that failed is followed by another one, and when. Decides only; `worker.execution` carries out."""

from dataclasses import dataclass

from app.dex.errors import NEVER


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What to do after an attempt that failed."""

    wait_seconds: float | None  # until the next attempt may start; None: the order has failed for good


GIVE_UP = RetryDecision(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    max_attempts: int  # the first one included
    base_seconds: float  # the first wait; each further one is twice as long

    def decide(self, attempt: int, code: str) -> RetryDecision:
        """`attempt` is the number of the attempt that failed (1, 2, …), `code` its error.

        A code that `app.dex.errors` does not know, for instance a bug of the engine, is retried.
        """
        if code in NEVER or attempt >= self.max_attempts:
            return GIVE_UP
        return RetryDecision(self.base_seconds * 2.0 ** (attempt - 1))
