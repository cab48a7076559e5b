"""The Raydium Trade API: `compute/swap-base-in` is the quote, `transaction/swap-base-in` a transaction for it.

Of the transaction we use the one instruction that swaps. It is asked for in the old form, which has no lookup tables,
and with our own token accounts, so that wrapping SOL is left to us. Errors come with HTTP 200.
"""

from base64 import b64decode
from collections.abc import Collection, Mapping
from typing import Any

from solders.instruction import AccountMeta, Instruction
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.transaction import SanitizeError, VersionedTransaction

from app.dex.adapters.answers import Step, address, reading_answer, u64
from app.dex.adapters.http import VenueHttp
from app.dex.adapters.solana.programs import token_account
from app.dex.adapters.solana.swap import MAX_TRANSACTION
from app.dex.adapters.solana.tokens import Tokens
from app.dex.adapters.venue import Offer, VendorVenue
from app.dex.errors import DexError
from app.dex.markets import Markets, Token
from app.dex.quotes import QuoteRequest
from app.dex.valuation import ToldVenue

CODES: Mapping[str, str] = {
    "ROUTE_NOT_FOUND": "insufficient_liquidity",
    "INSUFFICIENT_LIQUIDITY": "insufficient_liquidity",
    "REQ_INPUT_MINT_ERROR": "unsupported_pair",
    "REQ_OUTPUT_MINT_ERROR": "unsupported_pair",
}
"""Raydium's errors that no other attempt cures → ours."""


class RaydiumTrade(VendorVenue):
    def __init__(
        self,
        http: VenueHttp,
        *,
        wallet: str,
        markets: Markets,
        prices: ToldVenue,
        tokens: Tokens,
        programs: Collection[str],
    ) -> None:
        """`programs`: those of the venue's pools."""
        super().__init__("raydium", markets, prices)
        self._http = http
        self._wallet = Pubkey.from_string(wallet)
        self._tokens = tokens
        self._programs = programs

    async def _offer(self, request: QuoteRequest, slippage_bps: int) -> Offer:
        params = {
            "inputMint": request.token_in.mint,
            "outputMint": request.token_out.mint,
            "amount": str(request.amount_in),
            "slippageBps": str(slippage_bps),
            "txVersion": "LEGACY",
        }
        answer = _successful(await self._http.get("/compute/swap-base-in", params))
        with reading_answer():
            data = answer["data"]
            said = data["inputMint"], data["outputMint"], u64(data["inputAmount"])
            if said != (request.token_in.mint, request.token_out.mint, request.amount_in):
                raise ValueError("the answer to another request")
            steps = tuple(
                Step(address(one["poolId"]), address(one["inputMint"]), address(one["outputMint"]))
                for one in data["routePlan"]
            )
            return Offer(u64(data["outputAmount"]), u64(data["otherAmountThreshold"]), steps, answer)

    async def _instruction(self, offer: Offer, request: QuoteRequest) -> tuple[Instruction, tuple[Pubkey, ...]]:
        body = {
            "swapResponse": offer.answer,
            "wallet": str(self._wallet),
            "txVersion": "LEGACY",
            "wrapSol": False,
            "unwrapSol": False,
            "inputAccount": await self._account(request.token_in),
            "outputAccount": await self._account(request.token_out),
            "computeUnitPriceMicroLamports": "0",
        }
        made = _successful(await self._http.post("/transaction/swap-base-in", body))
        with reading_answer():
            transactions = [row["transaction"] for row in made["data"]]
        if len(transactions) != 1:
            raise DexError("venue_unavailable", "The venue needs more than one transaction, which is not atomic.")
        with reading_answer():
            return self._swap_in(transactions[0]), ()

    async def _account(self, token: Token) -> str:
        on_chain = await self._tokens.of(token.mint)
        return str(token_account(self._wallet, on_chain.mint, on_chain.program))

    def _swap_in(self, text: str) -> Instruction:
        """The one instruction of the venue's own programs. All others are ones that we make ourselves."""
        if len(text) > 2 * MAX_TRANSACTION:
            raise ValueError("too long")
        old = VersionedTransaction.from_bytes(b64decode(text, validate=True)).message
        if not isinstance(old, Message):
            raise ValueError("not in the form that was asked for")
        message = MessageV0(old.header, old.account_keys, old.recent_blockhash, old.instructions, [])
        try:
            message.sanitize()
        except SanitizeError as error:
            raise ValueError("indexes without an account") from error
        keys, swaps = message.account_keys, []
        for one in message.instructions:
            if str(program := keys[one.program_id_index]) in self._programs:
                accounts = [
                    AccountMeta(keys[i], message.is_signer(i), message.is_maybe_writable(i)) for i in one.accounts
                ]
                swaps.append(Instruction(program, bytes(one.data), accounts))
        [swap] = swaps
        return swap


def _successful(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("success") is True:
        return answer
    message = answer.get("msg")
    code = CODES.get(message) if isinstance(message, str) else None
    raise DexError(code or "venue_unavailable", "The venue has no swap for this request.")
