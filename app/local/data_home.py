"""The directories, the account and the password of the embedded servers."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from app.local.run_as import SHARED_DIR, Account, choose

PATH_FILE = "data-directory"


@dataclass(frozen=True, kw_only=True)
class DataHome:
    home: Path  # logs, secret and state; owned by the user who starts the engine
    data: Path  # the servers' data; owned by `account`
    account: Account  # runs the servers
    secret: str  # password of both servers
    durable: bool  # survives a power cut; tests turn it off


def prepare(home: Path, *, durable: bool) -> DataHome:
    """Creates this home if needed. The same home always has the same password and data."""
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    account = choose()
    return DataHome(
        home=home,
        data=_data_directory(home, account),
        account=account,
        secret=_read_or_create(home / "secret", secrets.token_urlsafe(24)),
        durable=durable,
    )


def data_directory(home: Path) -> Path:
    """Where the servers' data of this home is, or will probably be."""
    path_file = home / PATH_FILE
    return Path(path_file.read_text()) if path_file.exists() else home


def _data_directory(home: Path, account: Account) -> Path:
    """`home` if the account can enter it, else a directory in SHARED_DIR whose path is stored in `home`.

    Its name is random: a name derived from the path of `home` could be used again by another clone.
    """
    path_file = home / PATH_FILE
    if not path_file.exists() and ((home / "postgres").exists() or account.can_execute(home)):
        return home
    directory = Path(_read_or_create(path_file, str(SHARED_DIR / secrets.token_hex(8))))
    SHARED_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
    directory.mkdir(mode=0o711, exist_ok=True)
    return directory


def _read_or_create(file: Path, first_value: str) -> str:
    """The text of the file; a new file gets `first_value`. Only the owner can read it."""
    if not file.exists():
        draft = file.with_suffix(".new")
        with Account().create_file(draft) as output:
            output.write(first_value.encode())
        draft.replace(file)
    return file.read_text()
