"""The past prices of a pair."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from app.api.admission import admit_read, turn_to_read
from app.api.context import context
from app.api.orders.schedule_bodies import UtcMoment
from app.api.problems import invalid_query
from app.api.routes.market import TokenIn, TokenOut
from app.api.schemas import DAY_SECONDS, Answer
from app.api.spec.openapi import problems
from app.api.validation import pair
from app.api.views import as_json, price_number
from app.dex.path_mids import pairs_between, path_mids
from app.orders.samples import SECONDS
from app.orders.waiting.price_history import KEPT, MOST_POINTS

POINTS_A_READ = 50  # an answer with more counts as several reads: it keeps this process busy for that much longer

router = APIRouter(prefix="/api", tags=["market"])


class PricePoint(Answer):
    at: datetime = Field(description="Where the step begins; the prices are the last ones in it")
    prices: dict[str, float] = Field(
        description="By venue: tokenOut for one tokenIn at the mid price of its pools, with 12 digits",
        examples=[{"meteora": 150.21, "raydium": 150.25}],
    )


class Prices(Answer):
    token_in: str
    token_out: str
    step_seconds: int
    points: list[PricePoint] = Field(
        description=f"Oldest first, at most {MOST_POINTS:,}; a step without a price is left out"
    )


@router.get(
    "/prices",
    summary="The past prices of a pair",
    responses={200: {"model": Prices}, **problems(401, 422, 429, 503)},
)
async def prices(
    request: Request,
    token_in: TokenIn,
    token_out: TokenOut,
    since: Annotated[
        UtcMoment | None, Query(alias="from", description="Default: as far back as one answer reaches")
    ] = None,
    step: Annotated[
        int,
        Query(
            ge=SECONDS,
            le=DAY_SECONDS,
            description=f"Seconds from one point to the next: {SECONDS}, or whole minutes",
            openapi_examples={"an hour": {"value": 3600}},
        ),
    ] = 60,
) -> Response:
    """Watchers sample the mid prices every ten seconds. After three hours those of whole minutes are kept, for a week.

    A pair that is swapped in two hops has the prices of its pools, multiplied. Every 50 steps count as one more read.
    """
    now = datetime.now(UTC)
    oldest = max(now - KEPT, now - MOST_POINTS * timedelta(seconds=step))
    steps = max(0, (now - max(since or oldest, oldest)) // timedelta(seconds=step))
    ctx, caller = context(request), admit_read(request, 1 + steps // POINTS_A_READ)
    tokens = pair(token_in, token_out, ctx.markets)
    if step != SECONDS and step % 60:
        raise invalid_query([("/query/step", f"must be {SECONDS}, or a multiple of 60")])
    if since is not None and since < now - KEPT:
        since = now - KEPT
    # By less than a step it is late only since it was sent, or by the clock of the client.
    if since is not None and since < oldest - timedelta(seconds=step):
        needed = -(-int((now - since).total_seconds()) // MOST_POINTS)
        at_least = -(-needed // 60) * 60
        message = (
            f"must be later for this step: an answer has at most {MOST_POINTS:,} points; or take a step of {at_least}"
        )
        raise invalid_query([("/query/from", message)])
    async with turn_to_read(request, caller):
        past = await ctx.price_history.read(
            pairs_between(ctx.markets, *tokens), since or oldest, timedelta(seconds=step)
        )
    points = [(at, found) for at, mids in past if (found := path_mids(ctx.markets, *tokens, mids))]
    return as_json(
        {
            "tokenIn": tokens[0].symbol,
            "tokenOut": tokens[1].symbol,
            "stepSeconds": step,
            "points": [
                {"at": at, "prices": {venue: price_number(price) for venue, price in sorted(found.items())}}
                for at, found in points
            ],
        }
    )
