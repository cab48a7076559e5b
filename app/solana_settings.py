"""Which settings of the chain go together. Real money moves by them, so nothing is guessed."""

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from socket import inet_aton
from urllib.parse import urlsplit

from app.settings import Settings

ADDRESS = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LOCAL_OWNER = "local"
MOST_SLIPPAGE_BPS = 1_000
PROVIDERS = 2
ONLY_ON_SOLANA = (
    *("dry_run", "solana_cluster", "solana_rpc_url", "solana_wallet", "solana_keypair"),
    *("solana_former_wallets", "allowed_mints", "markets_file", "jupiter_api_key"),
)


def chain_problems(settings: Settings, *, signs: bool) -> Iterator[str]:
    """One sentence for each. `signs`: this process is a worker, the only one that may have the key."""
    if settings.chain == "mock":
        for name in ONLY_ON_SOLANA:
            if getattr(settings, name):
                yield f"{name.upper()}: it needs CHAIN=solana; the simulated chain does not use it."
        return
    yield from _nodes(settings)
    yield from _wallet(settings, signs)
    yield from _venues(settings)
    if settings.solana_cluster == "mainnet-beta":
        yield from _mainnet(settings)


def _nodes(settings: Settings) -> Iterator[str]:
    cluster, urls = settings.solana_cluster, settings.solana_rpc_url
    if cluster is None:
        yield "SOLANA_CLUSTER: not set; say which chain it is: localnet, devnet or mainnet-beta."
    if not urls:
        yield "SOLANA_RPC_URL: not set; the address of a node, or of several, separated by commas."
    if any(not _is_url(url) for url in urls):
        yield "SOLANA_RPC_URL: an address begins with https://, or with http:// on this machine."
    if cluster == "localnet" and not all(_is_here(url) for url in urls):
        yield "SOLANA_RPC_URL: the nodes of SOLANA_CLUSTER=localnet are on this machine."
    if len({_provider(url, cluster) for url in urls}) < len(urls):
        yield "SOLANA_RPC_URL: two addresses of one provider prove no more than one."


def _wallet(settings: Settings, signs: bool) -> Iterator[str]:
    if not ADDRESS.fullmatch(settings.solana_wallet or ""):
        yield "SOLANA_WALLET: the address of the wallet that trades, 32 to 44 letters and digits."
    if not all(ADDRESS.fullmatch(one) for one in settings.solana_former_wallets):
        yield "SOLANA_FORMER_WALLETS: addresses of wallets, separated by commas."
    if not settings.solana_owner or (settings.engine_mode == "local" and settings.solana_owner != LOCAL_OWNER):
        yield "SOLANA_OWNER: the owner of the API keys that trade with the wallet; in local mode it is local."
    if signs and settings.solana_keypair is None:
        yield "SOLANA_KEYPAIR: not set; the file with the key of the wallet, with mode 0600."
    if not signs and settings.solana_keypair is not None and settings.engine_mode == "production":
        yield "SOLANA_KEYPAIR: only the worker may have the key; unset it for this process."


def _venues(settings: Settings) -> Iterator[str]:
    cluster, mints = settings.solana_cluster, settings.allowed_mints
    jupiter = settings.venues == "jupiter"
    if not all(ADDRESS.fullmatch(mint) for mint in mints):
        yield "ALLOWED_MINTS: addresses of mints, separated by commas."
    if not _is_url(settings.jupiter_url if jupiter else settings.raydium_url):
        yield f"{settings.venues.upper()}_URL: it begins with https://, or with http:// on this machine."
    if cluster == "localnet":
        return
    if settings.markets_file is None:
        yield "MARKETS_FILE: not set; the built-in pools are on localnet only."
    if jupiter and cluster == "devnet":
        yield "VENUES: Jupiter trades on mainnet-beta only; set VENUES=raydium."
    if jupiter and settings.jupiter_api_key is None:
        yield "JUPITER_API_KEY: not set; create one at portal.jup.ag."


def _mainnet(settings: Settings) -> Iterator[str]:
    if settings.engine_mode != "production":
        yield "SOLANA_CLUSTER: real money is traded in production mode only; set ENGINE_MODE=production."
    if not settings.allowed_mints:
        yield "ALLOWED_MINTS: not set; list the mints of the tokens that may be traded for real money."
    for name in ("max_order_usd", "max_daily_usd", "max_daily_fee_lamports"):
        if not getattr(settings, name):
            yield f"{name.upper()}: 0 is no limit; set one before real money is traded."
    if settings.max_slippage_bps > MOST_SLIPPAGE_BPS:
        yield f"MAX_SLIPPAGE_BPS: set at most {MOST_SLIPPAGE_BPS} before real money is traded."
    if len(settings.solana_rpc_url) < PROVIDERS:
        yield f"SOLANA_RPC_URL: one provider is believed whatever it says; name {PROVIDERS}, or better three."


def _provider(url: str, cluster: str | None) -> str | None:
    """Another port, another user or another spelling is the same one. On this machine nodes differ in their ports."""
    if cluster == "localnet":
        return urlsplit(url).netloc
    host = (urlsplit(url).hostname or "").removesuffix(".")
    address = _address(host)
    if host in LOOPBACK or host.endswith(".localhost") or (address and (address.is_loopback or address.is_unspecified)):
        return "localhost"
    return str(address or host)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Of a host that is no name, also as `0x01020304`, `16909060` or `1.2.772`, which all lead to 1.2.3.4."""
    with suppress(OSError, ValueError):
        return IPv4Address(inet_aton(host))
    with suppress(ValueError):
        address = IPv6Address(host)
        return address.ipv4_mapped or address
    return None


def _is_url(url: str) -> bool:
    try:
        split = urlsplit(url)
        return bool(split.hostname) and (split.scheme == "https" or (split.scheme == "http" and _is_here(url)))
    except ValueError:
        return False


def _is_here(url: str) -> bool:
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False
