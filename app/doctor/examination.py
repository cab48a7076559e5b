"""All checks at once. One that fails by itself is a finding too, and hides no other."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from app.doctor import Finding, Place, engines, machine, servers

Check = Callable[[Place], Awaitable[list[Finding]]]

CHECKS: Sequence[Check] = (
    machine.settings,
    machine.packages,
    machine.disk,
    servers.postgres,
    servers.redis,
    engines.here,
)


async def examine(place: Place) -> list[Finding]:
    done = await asyncio.gather(*(check(place) for check in CHECKS), return_exceptions=True)
    findings: list[Finding] = []
    for check, result in zip(CHECKS, done, strict=True):
        if isinstance(result, BaseException):
            todo = "please report it"
            findings.append(Finding(check.__name__, "fault", f"{type(result).__name__}: {result}", todo))
        else:
            findings += result
    return findings
