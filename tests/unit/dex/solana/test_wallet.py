"""The key of the wallet: read from a file that only we can read, and shown by nothing."""

import json
from pathlib import Path

import pytest
from solders.keypair import Keypair

from app.dex.adapters.solana.wallet import KeypairWallet
from app.settings import SettingsError

KEY = Keypair()
TEXT = json.dumps(list(bytes(KEY)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    path.touch(mode=0o600)
    path.write_text(TEXT)
    return path


async def test_a_wallet_comes_from_a_file_or_from_the_environment(file: Path) -> None:
    for source in (str(file), TEXT, f" {TEXT}\n"):
        wallet = KeypairWallet.read(source)
        assert wallet.address == KEY.pubkey()
        assert await wallet.sign(b"message") == bytes(KEY.sign_message(b"message"))


def test_a_file_that_others_can_read_is_refused(file: Path) -> None:
    for mode in (0o640, 0o604, 0o660, 0o666):
        file.chmod(mode)
        with pytest.raises(SettingsError, match="chmod 600"):
            KeypairWallet.read(str(file))


@pytest.mark.parametrize("text", ["[]", "[1, 2]", "[" + "999," * 63 + "999]", TEXT[:-4] + "]", "/nowhere", "5Jw" * 29])
def test_a_wrong_key_is_one_sentence_without_it(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        KeypairWallet.read(text)
    assert text not in str(refused.value)
    assert refused.value.__cause__ is None
    assert "SOLANA_KEYPAIR" in str(refused.value)


def test_nothing_shows_the_key() -> None:
    wallet = KeypairWallet(KEY)
    for number in (str(KEY), TEXT):
        assert number not in repr(wallet) + str(wallet) + repr([wallet])
