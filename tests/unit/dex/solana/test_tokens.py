"""What the chain says about tokens, and which of them are not traded."""

import base64
import struct
from typing import Any

import pytest
from solders.pubkey import Pubkey

from app.dex.adapters.solana import tokens as module
from app.dex.adapters.solana.programs import SYSTEM, TOKEN, TOKEN_2022
from app.dex.adapters.solana.rpc import Rpc
from app.dex.adapters.solana.tokens import Tokens
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.settings import SettingsError

USDC = Markets.load().token("USDC")
PERMANENT_DELEGATE, TRANSFER_HOOK, NON_TRANSFERABLE, PAUSABLE, UNHEARD = 12, 14, 9, 26, 999
CLOSE_AUTHORITY = 3  # closed, the mint can be made again with any extension
TRANSFER_FEE, METADATA, DEFAULT_STATE = 1, 19, 6


class OneAccount(Rpc):
    """A node where every address has this account."""

    def __init__(self, data: bytes, owner: Pubkey = TOKEN) -> None:
        super().__init__("http://nowhere")
        self.row: Any = {"data": [base64.b64encode(data).decode(), "base64"], "owner": str(owner)}
        self.calls = 0

    async def call(self, method: str, *params: Any, within: float | None = None) -> Any:
        self.calls += 1
        return {"value": self.row}


def tokens(account: OneAccount) -> Tokens:
    return Tokens([account])


def mint(decimals: int = 6, *extensions: tuple[int, bytes]) -> bytes:
    plain = bytes(44) + bytes([decimals, 1]) + bytes(36)
    if not extensions:
        return plain
    values = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in extensions)
    return plain.ljust(165, b"\0") + b"\1" + values


async def test_decimals_and_program_are_those_of_the_chain_and_are_read_once() -> None:
    for account, program in ((OneAccount(mint(9)), TOKEN), (OneAccount(mint(9), TOKEN_2022), TOKEN_2022)):
        known = tokens(account)
        for _ in range(2):
            token = await known.of(USDC.mint)
            assert (str(token.mint), token.program, token.decimals) == (USDC.mint, program, 9)
        assert account.calls == 1


@pytest.mark.parametrize("other", [OneAccount(mint(8)), OneAccount(mint(6), TOKEN_2022)], ids=["decimals", "program"])
async def test_two_nodes_have_to_tell_the_same_about_a_token(other: OneAccount) -> None:
    with pytest.raises(DexError, match="do not tell the same"):
        await Tokens([OneAccount(mint(6)), other]).of(USDC.mint)
    assert (await Tokens([OneAccount(mint(6)), OneAccount(mint(6)), other]).of(USDC.mint)).decimals == 6


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize(
    "lie", [mint(8), b"", mint(6, (PERMANENT_DELEGATE, bytes(32)))], ids=["decimals", "none", "unsafe"]
)
async def test_one_node_of_three_takes_no_token_away(place: int, lie: bytes) -> None:
    """No process would start."""
    nodes = [OneAccount(mint(6)), OneAccount(mint(6))]
    nodes.insert(place, OneAccount(lie, TOKEN_2022))
    await Tokens(nodes).check([USDC])


async def test_what_the_extensions_of_a_token_say_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    account = OneAccount(mint(6, (DEFAULT_STATE, b"\1")), TOKEN_2022)
    known = tokens(account)
    await known.of(USDC.mint)
    account.row = OneAccount(mint(6, (DEFAULT_STATE, b"\2")), TOKEN_2022).row
    await known.of(USDC.mint)
    monkeypatch.setattr(module, "KNOWN_SECONDS", 0.0)
    for _ in range(2):
        with pytest.raises(DexError, match="unsupported_pair"):
            await known.of(USDC.mint)


@pytest.mark.parametrize(
    ("kind", "value", "traded"),
    [
        (PERMANENT_DELEGATE, bytes(32), False),
        (CLOSE_AUTHORITY, bytes(32), False),
        (TRANSFER_HOOK, bytes(64), False),
        (NON_TRANSFERABLE, b"", False),
        (PAUSABLE, bytes(33), False),
        (UNHEARD, b"", False),
        (DEFAULT_STATE, b"\2", False),  # frozen
        (DEFAULT_STATE, b"\1", True),
        (TRANSFER_FEE, bytes(108), True),
        (METADATA, b"a name", True),
    ],
)
async def test_a_token_that_somebody_else_has_power_over_is_refused(kind: int, value: bytes, traded: bool) -> None:
    known = tokens(OneAccount(mint(6, (METADATA, b"x"), (kind, value)), TOKEN_2022))
    if traded:
        assert (await known.of(USDC.mint)).decimals == 6
    else:
        with pytest.raises(DexError, match="unsupported_pair"):
            await known.of(USDC.mint)


@pytest.mark.parametrize(
    "account",
    [
        pytest.param(OneAccount(mint(), SYSTEM), id="another program"),
        pytest.param(OneAccount(mint()[:50]), id="cut off"),
        pytest.param(OneAccount(bytes(82)), id="not initialized"),
        pytest.param(OneAccount(bytes(45) + b"\1" + bytes(119)), id="a token account"),
        pytest.param(OneAccount(mint(6, (METADATA, b"x"))[:-1], TOKEN_2022), id="an extension cut off"),
        pytest.param(OneAccount(mint(6, (METADATA, b"x")).replace(b"\1", b"\2"), TOKEN_2022), id="no mint"),
    ],
)
async def test_what_is_no_mint_is_not_traded(account: OneAccount) -> None:
    with pytest.raises(DexError):
        await tokens(account).of(USDC.mint)


async def test_a_mint_with_more_extensions_than_there_can_be_is_not_read() -> None:
    """A node may answer with megabytes of them."""
    with pytest.raises(DexError, match="cannot be read"):
        await tokens(OneAccount(mint(6, *[(METADATA, b"")] * 5_000), TOKEN_2022)).of(USDC.mint)


async def test_a_token_that_is_not_there_is_not_traded() -> None:
    account = OneAccount(b"")
    account.row = None
    with pytest.raises(DexError, match="unsupported_pair"):
        await tokens(account).of(USDC.mint)


async def test_the_start_fails_if_our_own_list_says_something_else_than_the_chain() -> None:
    await tokens(OneAccount(mint(6))).check([USDC])
    with pytest.raises(SettingsError, match="USDC has 9 decimals, and not 6"):
        await tokens(OneAccount(mint(9))).check([USDC])
    with pytest.raises(SettingsError, match="USDC cannot be traded"):
        await tokens(OneAccount(b"")).check([USDC])
