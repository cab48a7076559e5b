"""What Jupiter and Raydium answer, in the shapes of their documentation."""

import base64
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from solders.instruction import AccountMeta, Instruction
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.dex.adapters.http import VenueHttp
from app.dex.adapters.jupiter import DEXES, Jupiter
from app.dex.adapters.raydium import RaydiumTrade
from app.dex.adapters.solana.inspection import check_instruction
from app.dex.adapters.solana.names import RAYDIUM_PROGRAMS, anchor, mainnet
from app.dex.adapters.solana.outcomes import JUPITER, RAYDIUM_CPMM
from app.dex.adapters.solana.programs import NATIVE_MINT, TOKEN, token_account
from app.dex.adapters.solana.swap import SolanaSwap
from app.dex.adapters.solana.tokens import OnChain, Tokens
from app.dex.adapters.venue import VendorVenue
from app.dex.errors import DexError
from app.dex.markets import Leg, Markets
from app.dex.quotes import QuoteRequest
from app.dex.router import NoRoute, Router
from app.localnet.faults import Faults
from app.localnet.view import Node
from tests.localnet import open_validator, served, serving, vendors

MARKETS = Markets.load()
SOL, USDC, RAY = (MARKETS.token(symbol) for symbol in ("SOL", "USDC", "RAY"))
REQUEST = QuoteRequest(SOL, USDC, 10**9)
ME = Pubkey.from_string("5tzFkiKscXHK5ZXCGbXZxdw7gTjjD1mBwuoFbhUvuAi9")
ENDS = token_account(ME, NATIVE_MINT), token_account(ME, Pubkey.from_string(USDC.mint))
OUT, FLOOR = 149_500_000, 148_752_500
MID = 149_850_000
Change = Callable[[dict[str, Any]], object]


def recorded(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((Path(__file__).parent / "recorded" / f"{name}.json").read_text())
    return data


class Mids:
    """149.85 dollars for a SOL, whoever asks."""

    def at_mid(self, leg: Leg, amount_in: int, slot: int) -> int:
        return amount_in * MID // 10**9

    at_most = at_mid

    def held_in(self, leg: Leg) -> int:
        return 2**64


class ClassicTokens(Tokens):
    async def of(self, mint: str) -> OnChain:
        return OnChain(Pubkey.from_string(mint), TOKEN, 6)


def says(answer: Any, status: int = 200) -> Callable[[Request], Any]:
    async def say(_: Request) -> Response:
        return answer if isinstance(answer, Response) else JSONResponse(answer, status_code=status)

    return say


@asynccontextmanager
async def jupiter(answer: Any, status: int = 200) -> AsyncIterator[Jupiter]:
    async with serving(Starlette(routes=[Route("/build", says(answer, status))])) as url:
        http = VenueHttp(url)
        yield Jupiter("raydium", DEXES["raydium"], http, wallet=str(ME), markets=MARKETS, prices=Mids())
        await http.close()


@asynccontextmanager
async def raydium(computed: Any, transaction: Any = None) -> AsyncIterator[RaydiumTrade]:
    routes = [
        Route("/compute/swap-base-in", says(computed)),
        Route("/transaction/swap-base-in", says(transaction), methods=["POST"]),
    ]
    async with serving(Starlette(routes=routes)) as url:
        http, tokens = VenueHttp(url), ClassicTokens([])
        common: dict[str, Any] = {"wallet": str(ME), "markets": MARKETS, "prices": Mids(), "tokens": tokens}
        yield RaydiumTrade(http, **common, programs=RAYDIUM_PROGRAMS)
        await http.close()


async def built(venue: VendorVenue) -> SolanaSwap:
    return await venue.build(await venue.quote(REQUEST, 7), min_amount_out=FLOOR)


async def test_an_answer_of_jupiter_becomes_a_quote_and_a_swap_that_may_be_signed() -> None:
    async with jupiter(recorded("jupiter_build")) as venue:
        quote = await venue.quote(REQUEST, 7)
        swap = await venue.build(quote, min_amount_out=FLOOR)
    assert (quote.amount_out, quote.slot, quote.route) == (OUT, 7, ("SOL", "USDC"))
    assert quote.price_impact_bps == (MID - OUT) * 10_000 // MID
    assert (swap.quoted, swap.min_amount_out, swap.wrap_sol, swap.unwrap_sol) == (OUT, FLOOR, True, False)
    assert [str(table)[:4] for table in swap.tables] == ["GxS6"]
    check_instruction(swap, ME, mainnet(MARKETS, {"raydium": [JUPITER]}), ends=ENDS)


async def test_a_swap_is_compared_with_the_quote_that_its_floor_came_from() -> None:
    """A low quote gives a low floor. The answer that follows may be a fair one, and does not make up for it."""
    async with jupiter(recorded("jupiter_build")) as venue:
        fair = await venue.quote(REQUEST, 7)
        low = replace(fair, amount_out=OUT * 81 // 100)
        swaps = [await venue.build(one, min_amount_out=low.amount_out * 99 // 100) for one in (low, fair)]
    assert [swap.quoted for swap in swaps] == [low.amount_out, OUT]


def of_raydium(*instructions: Instruction, version: Any = Message) -> dict[str, Any]:
    if version is Message:
        message: Any = Message(list(instructions), ME)
    else:
        message = MessageV0.try_compile(ME, instructions, [], Message([], ME).recent_blockhash)
    signatures = [Signature.default()] * message.header.num_required_signatures
    raw = base64.b64encode(bytes(VersionedTransaction.populate(message, signatures))).decode()
    return {"id": "1", "success": True, "version": "V1", "data": [{"transaction": raw}]}


POOL = Pubkey.from_bytes(b"p" * 32)
CPMM_SWAP = Instruction(
    Pubkey.from_string(RAYDIUM_CPMM),
    anchor("swap_base_input") + struct.pack("<QQ", 10**9, FLOOR),
    [AccountMeta(ME, True, True), *(AccountMeta(key, False, True) for key in (POOL, POOL, POOL, *ENDS))],
)
OTHER = Instruction(TOKEN, b"\x04", [])


async def test_an_answer_of_raydium_becomes_a_quote_and_a_swap_that_may_be_signed() -> None:
    async with raydium(recorded("raydium_compute"), of_raydium(OTHER, CPMM_SWAP)) as venue:
        swap = await built(venue)
    assert swap.instruction == CPMM_SWAP
    check_instruction(swap, ME, mainnet(MARKETS, {"raydium": RAYDIUM_PROGRAMS}), ends=ENDS)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(of_raydium(CPMM_SWAP, CPMM_SWAP), "venue_unavailable", id="two swaps"),
        pytest.param(of_raydium(OTHER), "venue_unavailable", id="no swap"),
        pytest.param(of_raydium(CPMM_SWAP, version=MessageV0), "venue_unavailable", id="another form"),
        pytest.param(of_raydium(CPMM_SWAP) | {"data": []}, "venue_unavailable", id="no transaction"),
        pytest.param(
            of_raydium(CPMM_SWAP) | {"data": of_raydium(CPMM_SWAP)["data"] * 2}, "venue_unavailable", id="two of them"
        ),
        pytest.param({"success": True, "data": [{"transaction": "A" * 9_000}]}, "venue_unavailable", id="too long"),
        pytest.param({"success": True, "data": [{"transaction": "%"}]}, "venue_unavailable", id="no base64"),
        pytest.param({"success": True, "data": [{"transaction": "AAAA"}]}, "venue_unavailable", id="noise"),
        pytest.param({"success": True, "data": [{"transaction": 7}]}, "venue_unavailable", id="a number"),
        pytest.param({"success": True, "data": None}, "venue_unavailable", id="nothing"),
        pytest.param({"success": "true", "data": of_raydium(CPMM_SWAP)["data"]}, "venue_unavailable", id="no success"),
    ],
)
async def test_a_transaction_that_cannot_be_read_is_refused(answer: Any, code: str) -> None:
    async with raydium(recorded("raydium_compute"), answer) as venue:
        with pytest.raises(DexError, match=code):
            await built(venue)


async def test_errors_of_the_vendors_become_ours() -> None:
    async with jupiter(recorded("jupiter_no_route"), status=400) as venue:
        with pytest.raises(DexError, match="insufficient_liquidity"):
            await venue.quote(REQUEST, 7)
    async with raydium(recorded("raydium_error")) as trade:
        with pytest.raises(DexError, match="insufficient_liquidity"):
            await trade.quote(REQUEST, 7)


async def test_a_quote_far_from_our_own_price_is_excluded_by_the_router() -> None:
    answer = recorded("jupiter_build")
    for factor in (0.7, 1.4):
        answer["outAmount"] = str(int(OUT * factor))
        async with jupiter(answer) as venue:
            with pytest.raises(NoRoute, match="20 % limit"):
                await Router([venue]).route(REQUEST, 7)


async def test_the_stand_ins_answer_in_the_shapes_of_the_documentation(tmp_path: Path) -> None:
    validator = open_validator(tmp_path / "journal")
    async with served(Node(validator, Faults())) as url, vendors(url):
        query = {"inputMint": SOL.mint, "outputMint": USDC.mint, "amount": "1000000000", "taker": str(ME)}
        async with httpx.AsyncClient(base_url=url) as http:
            build = (await http.get("/jupiter/build", params=query)).json()
            computed = (await http.get("/raydium/compute/swap-base-in", params=query)).json()
            none = await http.get("/jupiter/build", params=query | {"outputMint": SOL.mint})
            error = (await http.get("/raydium/compute/swap-base-in", params=query | {"outputMint": SOL.mint})).json()
    validator.close()
    assert none.status_code == 400
    for answer, name in (
        (build, "jupiter_build"),
        (none.json(), "jupiter_no_route"),
        (computed, "raydium_compute"),
        (error, "raydium_error"),
    ):
        assert shape(answer) == shape(recorded(name)) - {"routePlan.[].usdValue: float"}


def shape(value: Any, place: str = "") -> set[str]:
    """Where there is what; not how much."""
    if isinstance(value, dict):
        inner = [shape(one, f"{place}.{name}" if len(name) < 40 else f"{place}.address") for name, one in value.items()]
        return set().union(*inner) if inner else {f"{place}: {{}}"}
    if isinstance(value, list):
        return set().union(*(shape(one, f"{place}.[]") for one in value)) if value else set()
    return {f"{place.removeprefix('.')}: {type(value).__name__}"}
