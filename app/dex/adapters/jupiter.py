"""Jupiter Swap V2, `GET /build`: a quote and the instruction for it in one answer. One venue is one set of its DEXes.

Of an answer we use what comes out, the route, the swap instruction and the names of lookup tables. Accounts, wrapped
SOL, compute budget and blockhash are our own, so the other instructions in it are not read.
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from app.dex.adapters.answers import Step, address, reading_answer, u64
from app.dex.adapters.http import Refused, VenueHttp
from app.dex.adapters.solana.tables import MAX_TABLES
from app.dex.adapters.venue import Offer, VendorVenue
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.dex.quotes import QuoteRequest
from app.dex.valuation import ToldVenue

DEXES: Mapping[str, str] = {"raydium": "Raydium,Raydium CLMM,Raydium CP", "meteora": "Meteora DLMM"}
"""venue → what Jupiter calls its pools."""

ACCOUNTS_OF_SWAP = 50  # a transaction has 64, and some are our own

CODES: Mapping[str, str] = {
    "COULD_NOT_FIND_ANY_ROUTE": "insufficient_liquidity",
    "NO_ROUTES_FOUND": "insufficient_liquidity",
    "ROUTE_PLAN_DOES_NOT_CONSUME_ALL_THE_AMOUNT": "insufficient_liquidity",
    "TOKEN_NOT_TRADABLE": "unsupported_pair",
    "MARKET_NOT_FOUND": "unsupported_pair",
    "CIRCULAR_ARBITRAGE_IS_DISABLED": "unsupported_pair",
}
"""Jupiter's error codes that no other attempt cures → ours."""


class Jupiter(VendorVenue):
    def __init__(
        self, name: str, dexes: str, http: VenueHttp, *, wallet: str, markets: Markets, prices: ToldVenue
    ) -> None:
        super().__init__(name, markets, prices)
        self._dexes = dexes
        self._http = http
        self._wallet = wallet

    async def _offer(self, request: QuoteRequest, slippage_bps: int) -> Offer:
        params = {
            "inputMint": request.token_in.mint,
            "outputMint": request.token_out.mint,
            "amount": str(request.amount_in),
            "taker": self._wallet,
            "slippageBps": str(slippage_bps),
            "dexes": self._dexes,
            "maxAccounts": str(ACCOUNTS_OF_SWAP),
            "wrapAndUnwrapSol": "false",
        }
        try:
            answer = await self._http.get("/build", params)
        except Refused as refused:
            code = refused.body.get("errorCode") if isinstance(refused.body, dict) else None
            if isinstance(code, str) and code in CODES:
                raise DexError(CODES[code], "The venue has no route for this amount.") from None
            raise
        with reading_answer():
            said = answer["inputMint"], answer["outputMint"], u64(answer["inAmount"])
            if said != (request.token_in.mint, request.token_out.mint, request.amount_in):
                raise ValueError("the answer to another request")
            steps = tuple(_step(one["swapInfo"]) for one in answer["routePlan"])
            return Offer(u64(answer["outAmount"]), u64(answer["otherAmountThreshold"]), steps, answer)

    async def _instruction(self, offer: Offer, request: QuoteRequest) -> tuple[Instruction, tuple[Pubkey, ...]]:
        with reading_answer():
            row, tables = offer.answer["swapInstruction"], offer.answer.get("addressesByLookupTableAddress") or {}
            accounts = [
                AccountMeta(_key(one["pubkey"]), one["isSigner"] is True, one["isWritable"] is True)
                for one in row["accounts"]
            ]
            instruction = Instruction(_key(row["programId"]), b64decode(row["data"], validate=True), accounts)
            return instruction, tuple(_key(table) for table in list(tables)[:MAX_TABLES])


def _step(info: Mapping[str, Any]) -> Step:
    return Step(address(info["ammKey"]), address(info["inputMint"]), address(info["outputMint"]))


def _key(value: Any) -> Pubkey:
    return Pubkey.from_string(address(value))
