"""Asking one node after the other or all at once, and the few answers that more than one module reads."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from solders.hash import Hash, ParseHashError

from app.dex.adapters.solana.rpc import Rpc, RpcRefused, RpcUnanswered
from app.dex.chain import Blockhash
from app.dex.errors import DexError

log = logging.getLogger("engine.chain")

MAX_ACCOUNTS = 100  # in one call
CONFIRMED, PROCESSED, FINALIZED = ({"commitment": one} for one in ("confirmed", "processed", "finalized"))
HISTORY = {"searchTransactionHistory": True}
VERSION_0 = {"maxSupportedTransactionVersion": 0}
TRANSACTION_OPTIONS = CONFIRMED | VERSION_0 | {"encoding": "json"}
HEIGHT_ONLY = VERSION_0 | {"transactionDetails": "none", "rewards": False}

PERCENTILE = 75  # of what others paid lately
MAX_FEE_ACCOUNTS = 128  # accounts in one call for it

PROOFS = 2  # providers that have to say what decides about money, if there are as many
RESTS_SECONDS = 60.0  # of a node that is asked too often, for one answer
TRIES = 3  # of one of very many calls
PATIENCE_SECONDS = 1.0  # for the other ones, once these have answered
MAX_SLOT = 2**63  # a greater one could not be stored with what a venue quoted
MAX_APART = 32  # blocks between two providers that are both believed

Value = TypeVar("Value")


async def _bare(ask: Callable[[], Awaitable[Value]]) -> Value:
    """An error without its frames: these would keep the answer that cannot be read until other nodes have answered."""
    try:
        return await ask()
    except (RpcUnanswered, RpcRefused) as error:
        error.__cause__ = error.__context__ = None
        raise error.with_traceback(None) from None


async def first_of(asks: Sequence[Callable[[], Awaitable[Value]]]) -> Value:
    """The first answer, of one node after the other. Whatever is no failure of a node is an answer."""
    failed: DexError | None = None
    for ask in asks:
        try:
            return await _bare(ask)
        except (RpcUnanswered, RpcRefused) as error:
            failed = failed or error
    raise failed or RpcUnanswered("No node is configured.")


async def proofs_of(asks: Sequence[Callable[[], Awaitable[Value]]]) -> list[Value]:
    """The answers of `PROOFS` nodes, or of all if they are fewer. For one that fails the next one is asked.

    Whatever is no failure of a node is an answer. An error among the answers is raised: all have to agree to a swap.
    """
    given, left, failed = list[Value](), list(asks), list[DexError]()
    while missing := min(PROOFS, len(asks)) - len(given):
        if missing > len(left):
            raise failed[0]
        some, left = left[:missing], left[missing:]
        for answer in await asyncio.gather(*map(_bare, some), return_exceptions=True):
            if isinstance(answer, RpcUnanswered | RpcRefused):
                failed.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                given.append(answer)
    return given


async def in_time(seconds: float | None, ask: Callable[[], Awaitable[Value]]) -> Value:
    """What takes several calls of one node, each in its time, may take no longer than this. None: it may."""
    try:
        async with asyncio.timeout(seconds):
            return await ask()
    except TimeoutError:
        raise RpcUnanswered("The node took too long.") from None


async def asked_again(rpc: Rpc, ask: Callable[[], Awaitable[Value]]) -> Value:
    """The answer to one of very many calls. Without this a single one that fails would have all of them made anew.

    A node that is asked too often is asked again after each of its rests. Another failure may be one of chance.
    """
    until, failed = time.monotonic() + RESTS_SECONDS, 0
    while True:
        try:
            return await ask()
        except RpcUnanswered:
            rest = rpc.rests_for()
            failed += not rest
            if failed == TRIES or time.monotonic() + rest > until:
                raise
        await asyncio.sleep(rest)


async def enough_of(
    asks: Sequence[Callable[[], Awaitable[Value]]], *, proofs: int = PROOFS, patience: float = PATIENCE_SECONDS
) -> list[Value]:
    """The answers of all nodes, in their order; some may be missing, if there are `proofs` of them.

    `patience`: once so many have answered, the others have as long again, and these seconds.
    """
    began, tasks = time.monotonic(), [asyncio.ensure_future(_bare(ask)) for ask in asks]
    left, needed = set(tasks), min(proofs, len(asks))
    try:
        while left and sum(map(_has_answered, tasks)) < needed:
            _, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        if left:
            _, left = await asyncio.wait(left, timeout=time.monotonic() - began + patience)
        late = RpcUnanswered("The node took too long.")
        answers = [late if task in left else task.exception() or task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
    failed, given = failures(answers), [one for one in answers if not isinstance(one, BaseException)]
    if len(given) < needed:
        raise failed[0]
    return given


def _has_answered(task: "asyncio.Future[Any]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def failures(answers: Sequence[object]) -> list[DexError]:
    """The errors among the answers. An unforeseen exception is logged, and counts as a node that did not answer."""
    failed = list[DexError]()
    for answer in answers:
        if isinstance(answer, DexError):
            failed.append(answer)
        elif isinstance(answer, Exception):
            log.error("the answer of a node made an error", exc_info=answer)
            failed.append(RpcUnanswered("The answer of a node cannot be worked with."))
        elif isinstance(answer, BaseException):
            raise answer
    return failed


@contextmanager
def reading(method: str) -> Iterator[None]:
    """An answer in another form than Solana's says nothing."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, ParseHashError) as error:
        raise RpcUnanswered(f"The node's answer to {method} cannot be read.") from error


def is_over(status: Any) -> bool:
    """Of a signature, as `getSignatureStatuses` tells it."""
    with reading("getSignatureStatuses"):
        return status is not None and status["confirmationStatus"] in ("confirmed", "finalized")


async def finalized(rpc: Rpc) -> tuple[int, int]:
    """Height and slot of one moment."""
    info = await rpc.call("getEpochInfo", FINALIZED)
    with reading("getEpochInfo"):
        return int(info["blockHeight"]), int(info["absoluteSlot"])


async def latest(rpc: Rpc, options: Mapping[str, Any] = CONFIRMED, *, at_slot: int = 0) -> Blockhash:
    answer = await rpc.call("getLatestBlockhash", options)
    with reading("getLatestBlockhash"):
        value, slot = answer["value"], int(answer["context"]["slot"])
        if slot > MAX_SLOT:
            raise ValueError("no slot")
        if slot < at_slot:
            raise RpcUnanswered("The node that told its height is behind the one that knew the blockhash.")
        return Blockhash(str(Hash.from_string(value["blockhash"])), int(value["lastValidBlockHeight"]), slot)


async def known_by(rpc: Rpc, blockhash: str) -> tuple[Blockhash, bool]:
    """A height above which a blockhash is over, as a node tells that did not give it; and whether it is new: not final.

    The order of the calls is the proof: the last valid height of a block is not above that of one on top of it.
    """
    (known, slot), (is_final, _) = await asyncio.gather(
        *(_is_valid(rpc, blockhash, at) for at in (PROCESSED, FINALIZED))
    )
    if known is not True:
        raise RpcUnanswered("A node does not know the blockhash of another one.")
    return await latest(rpc, PROCESSED | {"minContextSlot": slot}, at_slot=slot), is_final is False


async def _is_valid(rpc: Rpc, blockhash: str, at: Mapping[str, Any]) -> tuple[Any, int]:
    answer = await rpc.call("isBlockhashValid", blockhash, at)
    with reading("isBlockhashValid"):
        return answer["value"], int(answer["context"]["slot"])


async def agreed_blockhash(providers: Sequence[Rpc]) -> Blockhash:
    """A blockhash that `PROOFS` providers know, and the greatest of the last valid heights that they tell for it.

    Later is only slower. With a height that is too low a swap that may still land would be taken for expired.
    The oldest comes first, because the nodes that are ahead know it too. But one that is almost over comes last: the
    node that gave it would keep every swap from landing.
    """
    given, proofs = await enough_of([partial(_offered, rpc) for rpc in providers]), min(PROOFS, len(providers))
    old: Blockhash | None = None
    for giver, one in sorted(given, key=lambda offered: offered[1].last_valid_height):
        others = [partial(known_by, rpc, one.hash) for rpc, _ in given if rpc is not giver]
        told = list[tuple[Blockhash, bool]]()
        with suppress(DexError):  # it is known to none of them
            told = await enough_of(others, proofs=proofs - 1, patience=PATIENCE_SECONDS)
        told = [other for other in told if abs(other[0].last_valid_height - one.last_valid_height) <= MAX_APART]
        if len(told) + 1 >= proofs:
            last = max([one.last_valid_height, *(other.last_valid_height for other, _ in told)])
            slot = min(one.slot, max((other.slot for other, _ in told), default=one.slot))  # that another one has seen
            found = Blockhash(one.hash, last, slot)
            if not told or any(is_new for _, is_new in told):
                return found
            old = old or found
    if old is not None:
        return old
    raise RpcUnanswered("The nodes do not agree on a blockhash.")


async def _offered(rpc: Rpc) -> tuple[Rpc, Blockhash]:
    return rpc, await latest(rpc)


async def first_height(rpc: Rpc) -> int:
    """The height of the first block that the provider still has."""
    slot = await rpc.call("getFirstAvailableBlock")
    if slot == 0:
        return 0
    block = await rpc.call("getBlock", slot, HEIGHT_ONLY)
    with reading("getBlock"):
        return int(block["blockHeight"])


async def usual_price(rpc: Rpc, accounts: Sequence[str]) -> int:
    """What most pay for a unit of compute when they write to these accounts, in millionths of a lamport."""
    rows = await rpc.call("getRecentPrioritizationFees", list(accounts[:MAX_FEE_ACCOUNTS]))
    with reading("getRecentPrioritizationFees"):
        prices = sorted(int(row["prioritizationFee"]) for row in rows)
        return prices[(len(prices) - 1) * PERCENTILE // 100] if prices else 0
