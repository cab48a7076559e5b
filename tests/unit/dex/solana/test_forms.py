"""The instructions that are known: their amounts, and the places of the trader's accounts in them.

The layouts are those of the programs: Raydium's published sources, and the interface description of Jupiter's.
"""

import struct

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from app.dex.adapters.solana.inspection import check_instruction
from app.dex.adapters.solana.names import FORMS, RAYDIUM_PROGRAMS, anchor, mainnet
from app.dex.adapters.solana.outcomes import JUPITER, RAYDIUM_AMM, RAYDIUM_CLMM, RAYDIUM_CPMM
from app.dex.adapters.solana.programs import ASSOCIATED, SYSTEM
from app.dex.adapters.solana.swap import SolanaSwap
from app.dex.errors import DexError
from app.dex.markets import Markets

MARKETS = Markets.load()
NAMES = mainnet(MARKETS, {"raydium": (JUPITER, *RAYDIUM_PROGRAMS)})

SWAPS: dict[str, tuple[str, bytes, tuple[int, int] | None]] = {
    "route_v2": (JUPITER, bytes.fromhex("bb64facc31c4af14") + struct.pack("<QQHHH", 5, 1_000, 50, 0, 0), (5, 995)),
    "shared route": (
        JUPITER,
        bytes.fromhex("d19853937cfed8e9") + b"\1" + struct.pack("<QQHHH", 5, 1_000, 0, 0, 0),
        (5, 1_000),
    ),
    "with a platform fee": (JUPITER, anchor("route_v2") + struct.pack("<QQHHH", 5, 1_000, 50, 1, 0), None),
    "with a fee for a better price": (JUPITER, anchor("route_v2") + struct.pack("<QQHHH", 5, 1_000, 50, 0, 1), None),
    "a tolerance over 100 %": (JUPITER, anchor("route_v2") + struct.pack("<QQHHH", 5, 1_000, 10_001, 0, 0), None),
    "more than fits, times 10,000": (JUPITER, anchor("route_v2") + struct.pack("<QQHHH", 5, 2**51, 0, 0, 0), None),
    "cut off": (JUPITER, anchor("route_v2") + b"\0" * 10, None),
    "exact out": (JUPITER, anchor("exact_out_route_v2") + struct.pack("<QQHHH", 5, 1_000, 50, 0, 0), None),
    "AMM v4": (RAYDIUM_AMM, b"\x09" + struct.pack("<QQ", 5, 9), (5, 9)),
    "AMM v4 without order book": (RAYDIUM_AMM, b"\x10" + struct.pack("<QQ", 5, 9), (5, 9)),
    "AMM v4, exact out": (RAYDIUM_AMM, b"\x0b" + struct.pack("<QQ", 5, 9), None),
    "CPMM": (RAYDIUM_CPMM, bytes.fromhex("8fbe5adac41e33de") + struct.pack("<QQ", 5, 9), (5, 9)),
    "CLMM": (RAYDIUM_CLMM, anchor("swap") + struct.pack("<QQ16s?", 5, 9, b"", True), (5, 9)),
    "CLMM v2": (RAYDIUM_CLMM, bytes.fromhex("2b04ed0b1ac91e62") + struct.pack("<QQ16s?", 5, 9, b"", True), (5, 9)),
    "CLMM, exact out": (RAYDIUM_CLMM, anchor("swap_v2") + struct.pack("<QQ16s?", 5, 9, b"", False), None),
}

MARKET = "market_program market bids asks events market_coin market_pc market_signer"
LAYOUTS = {
    "route_v2": "TRADER SOURCE DESTINATION mint_in mint_out token_program token_program PAYEE event_authority program",
    "shared route": "authority TRADER SOURCE program_source program_destination DESTINATION mint_in mint_out "
    "token_program token_program event_authority program",
    "AMM v4": f"token_program amm authority open_orders coin pc {MARKET} SOURCE DESTINATION TRADER",
    "AMM v4 with target orders": f"token_program amm authority open_orders target coin pc {MARKET} "
    "SOURCE DESTINATION TRADER",
    "AMM v4 without order book": "token_program amm authority coin pc SOURCE DESTINATION TRADER",
    "CPMM": "TRADER authority config pool SOURCE DESTINATION vault_in vault_out token_program token_program "
    "mint_in mint_out observation",
    "CLMM": "TRADER config pool SOURCE DESTINATION vault_in vault_out observation token_program ticks",
    "CLMM v2": "TRADER config pool SOURCE DESTINATION vault_in vault_out observation token_program token_2022 memo "
    "mint_in mint_out ticks",
}


@pytest.mark.parametrize(("program", "data", "amounts"), SWAPS.values(), ids=SWAPS)
def test_the_minimum_is_read_from_the_instruction(program: str, data: bytes, amounts: tuple[int, int] | None) -> None:
    forms = [form for prefix, form in FORMS[program].items() if data.startswith(prefix)]
    try:
        assert forms[0].amounts(data) == amounts
    except (IndexError, ValueError, struct.error):
        assert amounts is None


def key(name: str) -> Pubkey:
    return Pubkey.from_bytes(name.encode().ljust(32, b"."))


def check(name: str, accounts: list[Pubkey]) -> None:
    program, data, amounts = SWAPS[name.removesuffix(" with target orders")]
    assert amounts
    metas = [AccountMeta(one, one == key("TRADER"), True) for one in accounts]
    instruction = Instruction(Pubkey.from_string(program), data, metas)
    swap = SolanaSwap(
        "raydium", (), ("SOL", "USDC"), *amounts, wrap_sol=True, unwrap_sol=False, instruction=instruction, quoted=9
    )
    ends, between = (key("SOURCE"), key("DESTINATION")), [key("BETWEEN")]
    check_instruction(swap, key("TRADER"), NAMES, ends=ends, between=between, others={key("ANOTHER")})


@pytest.mark.parametrize(("name", "layout"), LAYOUTS.items(), ids=LAYOUTS)
def test_only_our_own_accounts_are_sold_from_and_paid(name: str, layout: str) -> None:
    """Whatever the nodes say that it would do."""
    keys = {one: key(one) for one in layout.split()}
    ours = keys | {"PAYEE": Pubkey.from_string(SWAPS["route_v2"][0])}  # Anchor's way to say: nobody
    check(name, [ours[one] for one in layout.split()])
    for place in keys.keys() & {"TRADER", "SOURCE", "DESTINATION", "PAYEE"}:
        for stranger in (key("THIEF"), key("ANOTHER")):
            with pytest.raises(DexError, match=r"not the one that trades|the wallet's own"):
                check(name, [(ours | {place: stranger})[one] for one in layout.split()])
    with pytest.raises(DexError, match="names another token account"):
        check(name, [(ours | {"token_program": key("ANOTHER")})[one] for one in layout.split()])
    with pytest.raises(DexError, match="form"):
        check(name, [ours[layout.split()[0]]])


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_program_is_named_that_could_move_sol_of_the_wallet(name: str) -> None:
    for program in (SYSTEM, ASSOCIATED):
        with pytest.raises(DexError, match="may move SOL"):
            check(name, layout(name, token_program=program, PAYEE=key("DESTINATION"), authority=program))


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_account_for_a_token_in_between_is_named_only_where_the_trader_has_it(name: str) -> None:
    accounts = layout(name, token_program=key("BETWEEN"), PAYEE=key("DESTINATION"), authority=key("BETWEEN"))
    if name == "route_v2":
        check(name, accounts)
    else:
        with pytest.raises(DexError, match="names another token account"):
            check(name, accounts)


def layout(name: str, **changed: Pubkey) -> list[Pubkey]:
    return [changed.get(one, key(one)) for one in LAYOUTS[name].split()]


def test_who_is_paid_besides_may_be_named_if_it_is_our_own_account() -> None:
    check("route_v2", [key("DESTINATION" if one == "PAYEE" else one) for one in LAYOUTS["route_v2"].split()])


@pytest.mark.parametrize("count", [16, 19])
def test_an_order_book_swap_with_another_number_of_accounts_is_refused(count: int) -> None:
    """Its places are counted from the end, and the program takes 17 or 18 accounts."""
    keys = [key(one) for one in LAYOUTS["AMM v4"].split()]
    accounts = [*[key("amm")] * (count - 3), *keys[-3:]]
    with pytest.raises(DexError, match="form"):
        check("AMM v4", accounts)
