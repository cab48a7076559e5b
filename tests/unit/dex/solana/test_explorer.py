from app.dex.explorer import transaction_url


def test_a_transaction_has_a_page_where_others_can_see_it() -> None:
    assert transaction_url("5sig", "mainnet-beta") == "https://explorer.solana.com/tx/5sig"
    assert transaction_url("5sig", "devnet") == "https://explorer.solana.com/tx/5sig?cluster=devnet"
    assert transaction_url("5sig", "localnet") is None
