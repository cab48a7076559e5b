"""The first accounts of the local chain: the mints and pools of `markets.toml`, and funded wallets."""

import struct
from collections.abc import Sequence
from hashlib import sha256

from solders.account import Account
from solders.pubkey import Pubkey
from solders.token.state import Mint, TokenAccount, TokenAccountState

from app.dex.adapters.solana.programs import LOOKUP_TABLE, NATIVE_MINT, SYSTEM, TOKEN, token_account
from app.dex.markets import USD_DECIMALS, Markets, Token
from app.localnet.pools import LocalPool

SUPPLY = 10**18
WALLET_LAMPORTS = 100 * 10**9
WALLET_USD = 100_000  # of each other token
MINT_RENT, TOKEN_ACCOUNT_RENT, TABLE_RENT = 1_461_600, 2_039_280, 10**9
TABLE = Pubkey.from_bytes(sha256(b"localnet lookup table").digest())
"""A lookup table with the accounts of all pools."""


def genesis(markets: Markets, wallets: Sequence[Pubkey]) -> dict[Pubkey, Account]:
    accounts = {mint_of(token): _mint(token) for token in markets.tokens}
    for config, pool in zip(markets.pools, pools(markets), strict=True):
        for token in (config.x, config.y):
            vault = pool.vault(mint_of(token))
            accounts[vault] = holding(pool.authority, mint_of(token), worth(config.depth_usd // 2, token))
    accounts[TABLE] = _table(table_addresses(markets))
    for wallet in wallets:
        accounts[wallet] = Account(WALLET_LAMPORTS, b"", SYSTEM)
        for token in markets.tokens:
            if (mint := mint_of(token)) != NATIVE_MINT:
                accounts[token_account(wallet, mint)] = holding(wallet, mint, worth(WALLET_USD, token))
    return accounts


def pools(markets: Markets) -> list[LocalPool]:
    """In the order of the markets."""
    return [pool_of(config.venue, config.x, config.y) for config in markets.pools]


def table_addresses(markets: Markets) -> list[Pubkey]:
    """What is in the lookup table."""
    return [key for pool in pools(markets) for key in (pool.authority, *map(pool.vault, sorted(pool.mints, key=bytes)))]


def vaults(markets: Markets) -> dict[str, tuple[str, str]]:
    """Of each pool, by its id in the markets, those of its tokens x and y."""
    return {
        config.id: (str(pool.vault(mint_of(config.x))), str(pool.vault(mint_of(config.y))))
        for config, pool in zip(markets.pools, pools(markets), strict=True)
    }


def pool_of(venue: str, x: Token, y: Token) -> LocalPool:
    return LocalPool.of(venue, mint_of(x), mint_of(y))


def mint_of(token: Token) -> Pubkey:
    return Pubkey.from_string(token.mint)


def worth(usd: int, token: Token) -> int:
    """Units of a token for that many dollars, at the reference price."""
    return int(usd * 10 ** (USD_DECIMALS + token.decimals) // token.usd)


def holding(owner: Pubkey, mint: Pubkey, amount: int) -> Account:
    """A token account with a balance. One of wrapped SOL also has the lamports."""
    native = mint == NATIVE_MINT
    is_native = TOKEN_ACCOUNT_RENT if native else None
    state = TokenAccount(mint, owner, amount, None, TokenAccountState.Initialized, is_native, 0)
    return Account(TOKEN_ACCOUNT_RENT + (amount if native else 0), bytes(state), TOKEN)


def _mint(token: Token) -> Account:
    native = mint_of(token) == NATIVE_MINT
    return Account(MINT_RENT, bytes(Mint(None, 0 if native else SUPPLY, token.decimals, True)), TOKEN)


def _table(addresses: Sequence[Pubkey]) -> Account:
    head = struct.pack("<IQQB", 1, 2**64 - 1, 0, 0).ljust(56, b"\0")  # a table, never closed, extended in slot 0
    return Account(TABLE_RENT, head + b"".join(map(bytes, addresses)), LOOKUP_TABLE)
