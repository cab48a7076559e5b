"""What Jupiter and Raydium answer, over the pools of this chain: their HTTP, in the shapes of their documentation.

Routes have one hop: a pool program swaps in one pool.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.dex.adapters.solana.programs import create_token_account
from app.dex.curves import constant_product
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.localnet.genesis import TABLE, pools, table_addresses
from app.localnet.pools import LocalPool
from app.localnet.validator import Validator

LABELS: Mapping[str, str] = {"Raydium": "raydium", "Meteora DLMM": "meteora"}
BPS = 10_000


@dataclass(frozen=True, slots=True)
class Offer:
    pool: LocalPool
    mint_in: Pubkey
    mint_out: Pubkey
    amount_in: int
    amount_out: int
    fee: int
    impact_bps: int
    slippage_bps: int

    @property
    def least_out(self) -> int:
        return self.amount_out * (BPS - self.slippage_bps) // BPS

    def swap(self, trader: Pubkey) -> Instruction:
        return self.pool.swap(trader, self.mint_in, self.amount_in, self.least_out)


class Counter:
    """Prices from what the vaults hold."""

    def __init__(self, validator: Validator, markets: Markets) -> None:
        self._validator = validator
        self._pools = pools(markets)

    def offer(self, query: Mapping[str, str], venues: Sequence[str]) -> Offer | None:
        """The best of these venues; None: no route. `KeyError` or `ValueError` for a request it cannot read."""
        mint_in, mint_out = Pubkey.from_string(query["inputMint"]), Pubkey.from_string(query["outputMint"])
        amount, slippage = int(query["amount"]), int(query.get("slippageBps", "50"))
        if not (0 < amount < 2**64 and 0 <= slippage <= BPS):
            raise ValueError("amount or slippageBps is out of range")
        offers = []
        for pool in self._pools:
            if pool.venue in venues and pool.mints == {mint_in, mint_out}:
                held = [self._held(pool.vault(mint)) for mint in (mint_in, mint_out)]
                try:
                    swap = constant_product(amount, held[0], held[1], pool.fee_millionths)
                except DexError:
                    continue
                if swap.amount_out:
                    figures = amount, swap.amount_out, swap.fee, swap.price_impact_bps
                    offers.append(Offer(pool, mint_in, mint_out, *figures, slippage))
        return max(offers, key=lambda offer: offer.amount_out, default=None)

    def blockhash(self) -> tuple[Hash, int]:
        blockhash, last = self._validator.latest_blockhash(self._validator.clock.height)
        return Hash.from_string(blockhash), last

    def _held(self, vault: Pubkey) -> int:
        account = self._validator.account(vault)
        balance = self._validator.token_balance(account) if account else None
        return balance.amount if balance else 0


def jupiter_app(validator: Validator, markets: Markets) -> Starlette:
    """`GET /build` of the Swap API V2."""
    counter = Counter(validator, markets)

    async def build(request: Request) -> Response:
        query = request.query_params
        try:
            taker = Pubkey.from_string(query["taker"])
            labels = query["dexes"].split(",") if "dexes" in query else list(LABELS)
            offer = counter.offer(query, [LABELS[label] for label in labels if label in LABELS])
        except (KeyError, ValueError) as error:
            return _json({"error": f"Failed to read the request: {error}", "errorCode": "INVALID_REQUEST"}, 400)
        if offer is None:
            return _json({"error": "Could not find any route", "errorCode": "COULD_NOT_FIND_ANY_ROUTE"}, 400)
        blockhash, last = counter.blockhash()
        label = next(label for label, venue in LABELS.items() if venue == offer.pool.venue)
        info = {
            "ammKey": str(offer.pool.authority),
            "label": label,
            "inputMint": str(offer.mint_in),
            "outputMint": str(offer.mint_out),
            "inAmount": str(offer.amount_in),
            "outAmount": str(offer.amount_out),
        }
        return _json(
            {
                "inputMint": str(offer.mint_in),
                "outputMint": str(offer.mint_out),
                "inAmount": str(offer.amount_in),
                "outAmount": str(offer.amount_out),
                "otherAmountThreshold": str(offer.least_out),
                "swapMode": "ExactIn",
                "slippageBps": offer.slippage_bps,
                "priceImpactPct": f"{offer.impact_bps / BPS:.4f}",
                "routePlan": [{"swapInfo": info, "percent": 100, "bps": BPS}],
                "computeBudgetInstructions": [_instruction(set_compute_unit_price(1_000))],
                "setupInstructions": [_instruction(create_token_account(taker, taker, offer.mint_out))],
                "swapInstruction": _instruction(offer.swap(taker)),
                "cleanupInstruction": None,
                "otherInstructions": [],
                "addressesByLookupTableAddress": {str(TABLE): list(map(str, table_addresses(markets)))},
                "blockhashWithMetadata": {"blockhash": list(bytes(blockhash)), "lastValidBlockHeight": last},
            }
        )

    return Starlette(routes=[Route("/build", build)])


def raydium_app(validator: Validator, markets: Markets) -> Starlette:
    """The Trade API. Its errors come with 200."""
    counter = Counter(validator, markets)

    def answer(**content: Any) -> Response:
        return _json({"id": str(uuid4()), "success": "msg" not in content, "version": "V1"} | content)

    async def compute(request: Request) -> Response:
        try:
            offer = counter.offer(request.query_params, ["raydium"])
        except (KeyError, ValueError):
            return answer(msg="REQ_INPUT_MINT_ERROR")
        if offer is None:
            return answer(msg="ROUTE_NOT_FOUND")
        step = {
            "poolId": str(offer.pool.authority),
            "inputMint": str(offer.mint_in),
            "outputMint": str(offer.mint_out),
            "feeMint": str(offer.mint_in),
            "feeRate": offer.pool.fee_millionths // 100,
            "feeAmount": str(offer.fee),
            "remainingAccounts": [],
        }
        return answer(
            data={
                "swapType": "BaseIn",
                "inputMint": str(offer.mint_in),
                "inputAmount": str(offer.amount_in),
                "outputMint": str(offer.mint_out),
                "outputAmount": str(offer.amount_out),
                "otherAmountThreshold": str(offer.least_out),
                "slippageBps": offer.slippage_bps,
                "priceImpactPct": offer.impact_bps / 100,
                "referrerAmount": "0",
                "routePlan": [step],
            }
        )

    async def transaction(request: Request) -> Response:
        try:
            body = orjson.loads(await request.body())
            computed = body["swapResponse"]["data"]
            wallet, mint_in = Pubkey.from_string(body["wallet"]), Pubkey.from_string(computed["inputMint"])
            [pool] = [one for one in pools(markets) if str(one.authority) == computed["routePlan"][0]["poolId"]]
            swap = pool.swap(wallet, mint_in, int(computed["inputAmount"]), int(computed["otherAmountThreshold"]))
            price = set_compute_unit_price(int(body["computeUnitPriceMicroLamports"]))
        except (KeyError, TypeError, ValueError, IndexError):
            return answer(msg="REQ_SWAP_RESPONSE_ERROR")
        instructions = [set_compute_unit_limit(600_000), price, swap]
        message = Message.new_with_blockhash(instructions, wallet, counter.blockhash()[0])
        unsigned = VersionedTransaction.populate(message, [Signature.default()])
        return answer(data=[{"transaction": base64.b64encode(bytes(unsigned)).decode()}])

    return Starlette(
        routes=[
            Route("/compute/swap-base-in", compute),
            Route("/transaction/swap-base-in", transaction, methods=["POST"]),
        ]
    )


def _instruction(one: Instruction) -> dict[str, Any]:
    accounts = [
        {"pubkey": str(meta.pubkey), "isSigner": meta.is_signer, "isWritable": meta.is_writable}
        for meta in one.accounts
    ]
    data = base64.b64encode(bytes(one.data)).decode()
    return {"programId": str(one.program_id), "accounts": accounts, "data": data}


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")
