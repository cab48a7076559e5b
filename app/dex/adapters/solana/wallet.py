"""The wallet that pays and signs. Its key is read once, by the worker, and stays in this object."""

import json
import stat
from pathlib import Path
from typing import Protocol

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from app.dex.chain import Signer
from app.settings import SettingsError

KEY_SIZE = 64


class Wallet(Signer, Protocol):
    @property
    def address(self) -> Pubkey: ...


class KeypairWallet:
    """A key in memory. Neither `repr` nor any error shows it."""

    def __init__(self, keypair: Keypair) -> None:
        self._keypair = keypair
        self.address = keypair.pubkey()

    async def sign(self, message: bytes) -> bytes:
        return bytes(self._keypair.sign_message(message))

    def __repr__(self) -> str:
        return f"KeypairWallet({self.address})"

    @staticmethod
    def read(source: str) -> "KeypairWallet":
        """From the path of a file as `solana-keygen` writes it, or from that text itself."""
        text = source.strip()
        if not text.startswith("["):
            text = _text_of(Path(text).expanduser())
        try:
            numbers = json.loads(text)
            if not isinstance(numbers, list) or len(numbers) != KEY_SIZE:
                raise ValueError
            return KeypairWallet(Keypair.from_bytes(bytes(numbers)))
        except (ValueError, TypeError):
            raise SettingsError(
                "SOLANA_KEYPAIR is not a key as solana-keygen writes it: 64 numbers in brackets"
            ) from None


def _text_of(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"SOLANA_KEYPAIR cannot be read ({type(error).__name__})") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError("SOLANA_KEYPAIR can be read by others: run chmod 600 on the file")
    return text
