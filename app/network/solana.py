"""A Solana chain: its providers, the venues over HTTP, and prices from the accounts of the pools."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from app.dex.adapters.http import VenueHttp
from app.dex.adapters.jupiter import DEXES, Jupiter
from app.dex.adapters.raydium import RaydiumTrade
from app.dex.adapters.solana.chain import SolanaChain
from app.dex.adapters.solana.inspection import SIGNATURE_FEE
from app.dex.adapters.solana.names import RAYDIUM_PROGRAMS, Names, devnet, mainnet
from app.dex.adapters.solana.outcomes import JUPITER
from app.dex.adapters.solana.prices import PoolPrices
from app.dex.adapters.solana.rpc import Rpc
from app.dex.adapters.solana.tokens import Tokens
from app.dex.adapters.solana.wallet import KeypairWallet
from app.dex.errors import DexError
from app.dex.explorer import transaction_url
from app.dex.markets import Markets, Token
from app.dex.quotes import PARTS
from app.dex.valuation import DOLLAR, highest_at_mid
from app.dex.venue import Venue
from app.localnet.genesis import vaults as local_vaults
from app.localnet.names import localnet
from app.network.genesis import ChainId
from app.network.localnet import LocalMarket
from app.network.model import MovableMarket, Network
from app.settings import Settings, SettingsError
from app.tasks import cancel_and_wait, run_forever

log = logging.getLogger("engine.network")

SLOT_MS = 400
LEAST_BLOCK_SECONDS = 0.3  # blocks take 0.4 s: a blockhash that was over in 45 s would be a lie
SILENT_SECONDS = 1.0  # longer between questions that are not answered
QUOTE_SECONDS = 4.0  # a venue is asked twice, if its first answer is lost


@dataclass(frozen=True, slots=True, kw_only=True)
class SolanaNetwork(Network):
    providers: Sequence[Rpc]
    http: VenueHttp
    prices: PoolPrices
    tokens: Tokens
    names: Names
    genesis: ChainId


def open_network(settings: Settings) -> SolanaNetwork:
    local = settings.solana_cluster == "localnet"
    markets, providers = _markets(settings), [Rpc(url) for url in settings.solana_rpc_url]
    prices = PoolPrices(providers, markets, local_vaults(markets) if local else _vaults(markets))
    names, tokens, genesis = _names(settings, markets), Tokens(providers), ChainId()
    http, venues = _venues(settings, markets, prices, tokens, names)

    def at_mid(token_in: Token, token_out: Token, units: int, slot: int) -> int | None:
        """By the pool that brings most, so that nobody gets below a limit by moving one pool. In `PARTS`."""
        with suppress(DexError):  # the nodes do not tell the same
            return highest_at_mid(markets, prices, token_in, token_out, units, slot, parts=PARTS)
        return None

    async def mid_now(token_in: Token, token_out: Token, units: int, slot: int) -> int | None:
        await prices.renew()
        return at_mid(token_in, token_out, units, slot)

    def usd(token: Token, units: int, slot: int) -> int | None:
        worth = units * PARTS if token.symbol == DOLLAR else at_mid(token, markets.token(DOLLAR), units, slot)
        return None if worth is None else worth // PARTS

    def mids(token_in: Token, token_out: Token, slot: int) -> dict[str, Decimal]:
        found = ((venue, prices.mid(markets, venue, token_in, token_out)) for venue in markets.venues)
        return {venue: price for venue, price in found if price is not None}

    return SolanaNetwork(
        markets=markets,
        venues=venues,
        quote_timeout=QUOTE_SECONDS,
        confirm_timeout=settings.confirm_seconds,
        slot_at=lambda moment: int(moment.timestamp() * 1000) // SLOT_MS,
        slot_seconds=SLOT_MS / 1000,
        usd=usd,
        mids=mids,
        chain_id=genesis,
        max_fee=SIGNATURE_FEE + settings.max_priority_fee_lamports,
        mid_now=mid_now,
        max_deviation_percent=settings.max_deviation_percent,
        wallet_owner=settings.solana_owner,
        may_drill=local,
        has_launches=False,
        wallet=settings.solana_wallet,
        wallet_holds=partial(tokens.held_by, settings.solana_wallet or "", markets.tokens),
        explorer_url=partial(transaction_url, cluster=settings.solana_cluster or ""),
        providers=providers,
        http=http,
        prices=prices,
        tokens=tokens,
        names=names,
        genesis=genesis,
    )


def open_chain(settings: Settings, network: Network) -> SolanaChain:
    assert isinstance(network, SolanaNetwork)
    assert settings.solana_keypair is not None
    wallet = KeypairWallet.read(settings.solana_keypair.get_secret_value())
    if str(wallet.address) != settings.solana_wallet:
        raise SettingsError("SOLANA_KEYPAIR: it is not the key of SOLANA_WALLET.")
    return SolanaChain(
        network.providers,
        wallet,
        network.names,
        max_priority_lamports=settings.max_priority_fee_lamports,
        dry_run=settings.dry_run,
        former_wallets=settings.solana_former_wallets,
        least_block_seconds=0 if settings.solana_cluster == "localnet" else LEAST_BLOCK_SECONDS,
    )


@asynccontextmanager
async def following(settings: Settings, network: Network) -> AsyncIterator[MovableMarket | None]:
    """While this is open, the network has prices. First it is compared with what the nodes say.

    None: nobody may move them.
    """
    assert isinstance(network, SolanaNetwork)
    try:
        await network.genesis.ask(network.providers, settings.solana_cluster)
        try:
            await network.tokens.check(network.markets.tokens)
            await network.prices.check()
            await network.prices.refresh()
        except DexError as error:
            raise SettingsError(f"SOLANA_RPC_URL: the nodes do not tell tokens and prices. {error.detail}") from None
        task = run_forever("prices", partial(_follow, network.prices))
        try:
            yield movable(settings, network)
        finally:
            await cancel_and_wait(task)
    finally:
        await asyncio.gather(network.http.close(), *(rpc.close() for rpc in network.providers))


def movable(settings: Settings, network: SolanaNetwork) -> MovableMarket | None:
    """Only the chain of this machine, and in local mode."""
    if settings.solana_cluster != "localnet" or settings.engine_mode == "production":
        return None
    return LocalMarket(
        network.providers[0], network.markets, network.prices, lambda: network.slot_at(datetime.now(UTC))
    )


async def _follow(prices: PoolPrices) -> None:
    """Once a slot, while the nodes answer. Without an answer prices grow old, and then there are none."""
    while True:
        try:
            await prices.refresh()
        except DexError as error:
            log.warning("the prices of the pools were not told", extra={"code": error.code})
            await asyncio.sleep(SILENT_SECONDS)
        await asyncio.sleep(SLOT_MS / 1000)


def _names(settings: Settings, markets: Markets) -> Names:
    match settings.solana_cluster:
        case "localnet":
            return localnet(markets)
        case "devnet":
            return devnet(markets)
    programs = {"raydium": RAYDIUM_PROGRAMS} if settings.venues == "raydium" else dict.fromkeys(DEXES, (JUPITER,))
    return mainnet(markets, programs)


def _markets(settings: Settings) -> Markets:
    """What is listed, of the tokens that may be traded and the venues that there are."""
    try:
        listed = Markets.load(settings.markets_file)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"MARKETS_FILE: it cannot be read ({type(error).__name__}).") from None
    allowed, venues = settings.allowed_mints, ("raydium",) if settings.venues == "raydium" else tuple(DEXES)
    tokens = [token for token in listed.tokens if not allowed or token.mint in allowed]
    if unknown := [mint for mint in allowed if listed.find(mint) is None]:
        raise SettingsError(f"ALLOWED_MINTS: {unknown[0]} is the mint of no token in MARKETS_FILE.")
    pools = [pool for pool in listed.pools if pool.x in tokens and pool.y in tokens and pool.venue in venues]
    return Markets(tokens, pools, listed.fees, [token for token in listed.tokens if token not in tokens])


def _vaults(markets: Markets) -> Mapping[str, tuple[str, str]]:
    found = {}
    for pool in markets.pools:
        match pool.options.get("vaults"):
            case [str(x), str(y)]:
                found[pool.id] = (x, y)
            case _:
                raise SettingsError(f"MARKETS_FILE: the pool {pool.pair} of {pool.venue} has no vaults.")
    return found


def _venues(
    settings: Settings, markets: Markets, prices: PoolPrices, tokens: Tokens, names: Names
) -> tuple[VenueHttp, Sequence[Venue]]:
    wallet = settings.solana_wallet or ""
    if settings.venues == "raydium":
        http = VenueHttp(settings.raydium_url)
        programs = names.programs["raydium"]
        return http, [
            RaydiumTrade(http, wallet=wallet, markets=markets, prices=prices, tokens=tokens, programs=programs)
        ]
    key = settings.jupiter_api_key
    http = VenueHttp(
        settings.jupiter_url,
        headers={} if key is None else {"x-api-key": key.get_secret_value()},
        per_second=settings.jupiter_requests_per_second,
    )
    return http, [
        Jupiter(name, dexes, http, wallet=wallet, markets=markets, prices=prices) for name, dexes in DEXES.items()
    ]
