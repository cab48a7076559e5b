"""What the event of a fill says."""

from app.dex import amounts
from app.dex.chain import SignedSwap
from app.dex.quotes import QuoteRequest

SOL_DECIMALS = 9


def fill(
    request: QuoteRequest, signed: SignedSwap, amount_out: int, fee: int | None, explorer_url: str | None
) -> dict[str, str]:
    """`fee`, in lamports, and `explorer_url` are those of a real chain."""
    token_in, token_out = request.token_in, request.token_out
    details = {
        "txHash": signed.signature,
        "dex": signed.venue,
        "executedPrice": amounts.price(request.amount_in, token_in.decimals, amount_out, token_out.decimals),
        "amountOut": amounts.to_decimal(amount_out, token_out.decimals),
    }
    if fee is not None:
        details["networkFee"] = amounts.to_decimal(fee, SOL_DECIMALS)
    if explorer_url is not None:
        details["explorerUrl"] = explorer_url
    return details
