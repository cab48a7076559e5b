"""What the embedded servers are given: a user to run as, a place for their data, a password."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from app.local.run_as import SHARED_DIR, Account, choose


@dataclass(frozen=True, kw_only=True)
class DataHome:
    home: Path  # logs, secret, state; belongs to whoever starts the engine
    data: Path  # belongs to `account`
    account: Account
    secret: str
    durable: bool  # survives a power cut; tests do without


def prepare(home: Path, *, durable: bool) -> DataHome:
    """The premises of this home: the same password and the same data each time."""
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    account = choose()
    return DataHome(
        home=home,
        data=_data_directory(home, account),
        account=account,
        secret=_remembered(home / "secret", secrets.token_urlsafe(24)),
        durable=durable,
    )


def _data_directory(home: Path, account: Account) -> Path:
    """`home` if the servers' user gets there, else a place that `home` remembers.

    That place has a random name: whatever is derived from the path can come back with another clone.
    """
    note = home / "data-directory"
    if not note.exists() and ((home / "postgres").exists() or account.reaches(home)):
        return home
    place = Path(_remembered(note, str(SHARED_DIR / secrets.token_hex(8))))
    SHARED_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
    place.mkdir(mode=0o711, exist_ok=True)
    return place


def _remembered(note: Path, first_value: str) -> str:
    """What the file says; `first_value`, once and for all, if there is none. Readable by us only."""
    if not note.exists():
        draft = note.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(first_value)
        draft.replace(note)
    return note.read_text()
