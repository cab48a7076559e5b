"""Where people look at a transaction."""

EXPLORER = "https://explorer.solana.com/tx"
PUBLIC = ("mainnet-beta", "devnet", "testnet")


def transaction_url(signature: str, cluster: str) -> str | None:
    """None: nobody but us can see that chain."""
    if cluster not in PUBLIC:
        return None
    return f"{EXPLORER}/{signature}" + ("" if cluster == "mainnet-beta" else f"?cluster={cluster}")
