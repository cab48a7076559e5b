"""What the chain says about tokens: decimals, and whether somebody else has power over what we hold of one."""

import asyncio
import struct
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from solders.pubkey import Pubkey

from app.dex.adapters.solana.programs import TOKEN, TOKEN_2022, token_account
from app.dex.adapters.solana.reading import CONFIRMED, MAX_ACCOUNTS, PROOFS, enough_of, first_of, reading
from app.dex.adapters.solana.rpc import Rpc, RpcUnanswered
from app.dex.errors import DexError
from app.dex.markets import NATIVE_SOL, Token
from app.settings import SettingsError

DECIMALS, INITIALIZED, MINT_SIZE = 44, 45, 82  # in the data of a mint
# In that of a token account:
MINT, OWNER, AMOUNT = slice(0, 32), slice(32, 64), slice(64, 72)
DELEGATE, CLOSER = slice(72, 76), slice(129, 133)  # whether there is one
FEES_HELD_BACK = 2  # an extension: what the mint took of transfers to this account
KIND, EXTENSIONS = 165, 166  # of Token-2022: the byte that says what an account is, and where extensions begin
LONGEST = 16 * 1024  # bytes of a mint or a token account: megabytes of extensions take seconds to read
IS_MINT = 1
KNOWN_SECONDS = 3600.0
CHECKS_AT_ONCE = 8  # of tokens, at a start
DEFAULT_STATE, STATE_USABLE = 6, 1
HARMLESS = frozenset(
    {
        1,  # a fee for each transfer, which the simulation shows
        *(4, 10, 16, 25),  # confidential transfers, interest and scaled amounts, which are for display
        *(18, 19, 20, 21, 22, 23),  # its description, and groups of tokens
    }
)
"""Extensions of Token-2022. With any other one somebody else could take what we hold, or keep us from selling it."""


@dataclass(frozen=True, slots=True)
class Account:
    lamports: int
    owner: Pubkey
    data: bytes
    executable: bool = False

    @property
    def amount(self) -> int:
        return int.from_bytes(self.data[AMOUNT], "little")

    @property
    def rest(self) -> tuple[object, ...]:
        """Everything about a token account except its amount, and the fees that were held back of it: who owns it, who
        may spend or close it.
        """
        kept = self.data[: AMOUNT.start], self.data[AMOUNT.stop : EXTENSIONS]
        try:
            return *kept, *(one for one in extensions(self.data) if one[0] != FEES_HELD_BACK)
        except ValueError:
            return (self.data,)


@dataclass(frozen=True, slots=True)
class OnChain:
    mint: Pubkey
    program: Pubkey
    decimals: int


class Tokens:
    """By mint, as `PROOFS` providers tell alike.

    A mint keeps its decimals and gets no extensions later, but what its extensions say may change.
    """

    def __init__(self, providers: Sequence[Rpc]) -> None:
        self._providers = providers
        self._known: dict[str, OnChain] = {}
        self._read_at: dict[str, float] = {}

    async def of(self, mint: str) -> OnChain:
        """Raises `DexError` if this is no mint or is not safe to hold. Only for tokens of our own list."""
        if time.monotonic() - self._read_at.get(mint, float("-inf")) > KNOWN_SECONDS:
            told = Counter(await enough_of([partial(self._told, rpc, mint) for rpc in self._providers]))
            [(known, tellers)] = told.most_common(1)
            if tellers < min(PROOFS, len(self._providers)):
                raise RpcUnanswered("The nodes do not tell the same about a token.")
            if isinstance(known, str):
                raise DexError("unsupported_pair", known)
            self._known[mint], self._read_at[mint] = known, time.monotonic()
        return self._known[mint]

    async def _told(self, rpc: Rpc, mint: str) -> OnChain | str:
        """What one provider says, or why it is not traded."""
        answer = await rpc.call("getAccountInfo", mint, CONFIRMED | {"encoding": "base64"})
        with reading("getAccountInfo"):
            try:
                return _read(Pubkey.from_string(mint), answer["value"])
            except DexError as refused:
                return refused.detail

    async def held_by(self, wallet: str, listed: Sequence[Token]) -> dict[str, int]:
        """Base units of each of these tokens, by symbol. SOL: what is not wrapped."""
        owner = Pubkey.from_string(wallet)
        options, keys, held = CONFIRMED | {"encoding": "base64"}, {NATIVE_SOL: owner}, dict[str, int]()
        for token in listed:
            if token.symbol != NATIVE_SOL:
                known = await self.of(token.mint)
                keys[token.symbol] = token_account(owner, known.mint, known.program)
        symbols = list(keys)
        for start in range(0, len(symbols), MAX_ACCOUNTS):
            some = symbols[start : start + MAX_ACCOUNTS]
            asked = [str(keys[symbol]) for symbol in some]
            answer = await first_of(
                [partial(rpc.call, "getMultipleAccounts", asked, options) for rpc in self._providers]
            )
            with reading("getMultipleAccounts"):
                held |= {symbol: _held(symbol, row) for symbol, row in zip(some, answer["value"], strict=True)}
        return held

    async def check(self, tokens: Sequence[Token]) -> None:
        """For the start: whether our own list agrees with the chain."""
        for start in range(0, len(tokens), CHECKS_AT_ONCE):  # a node that is down takes seconds for each
            some = tokens[start : start + CHECKS_AT_ONCE]
            known = await asyncio.gather(*(self.of(token.mint) for token in some), return_exceptions=True)
            for token, one in zip(some, known, strict=True):
                self._compare(token, one)

    @staticmethod
    def _compare(token: Token, known: OnChain | BaseException) -> None:
        if isinstance(known, DexError):
            raise SettingsError(f"the token {token.symbol} cannot be traded here: {known.detail}") from known
        if isinstance(known, BaseException):
            raise known
        if (decimals := known.decimals) != token.decimals:
            raise SettingsError(f"the token {token.symbol} has {decimals} decimals, and not {token.decimals}")


def _read(mint: Pubkey, row: Any) -> OnChain:
    if row is None or row["owner"] not in (str(TOKEN), str(TOKEN_2022)):
        raise DexError("unsupported_pair", "This is not the mint of a token on this chain.")
    data = b64decode(row["data"][0], validate=True)
    if len(data) < MINT_SIZE or data[INITIALIZED] != 1:
        raise DexError("unsupported_pair", "This is not the mint of a token on this chain.")
    if len(data) > MINT_SIZE:
        if row["owner"] != str(TOKEN_2022) or data[KIND] != IS_MINT:
            raise DexError("unsupported_pair", "This is not the mint of a token on this chain.")
        for kind, value in extensions(data):
            if kind not in HARMLESS and not (kind == DEFAULT_STATE and value == bytes([STATE_USABLE])):
                raise DexError("unsupported_pair", "Somebody else has power over what others hold of this token.")
    return OnChain(mint, Pubkey.from_string(row["owner"]), data[DECIMALS])


def _held(symbol: str, row: Any) -> int:
    if row is None:
        return 0
    if symbol == NATIVE_SOL:
        return int(row["lamports"])
    return int.from_bytes(b64decode(row["data"][0], validate=True)[AMOUNT], "little")


def extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Of a mint or a token account of Token-2022: kinds and values. `ValueError`: one is cut off, or it is too long."""
    if len(data) > LONGEST:
        raise ValueError("longer than any of these")
    at = EXTENSIONS
    while at + 4 <= len(data):
        kind, size = struct.unpack_from("<HH", data, at)
        if kind == 0:  # the rest is empty
            return
        if at + 4 + size > len(data):
            raise ValueError("an extension that is cut off")
        yield kind, data[at + 4 : at + 4 + size]
        at += 4 + size
