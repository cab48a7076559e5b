"""Names that look like a setting and are none: nothing reads them, and their author believes that something does."""

import difflib
from collections.abc import Iterable, Iterator, Mapping

from app.server.listener import LISTEN_FD_VARIABLE
from app.settings import Settings

SETTINGS = tuple(name.upper() for name in Settings.model_fields)
OTHERS = frozenset({"ENGINE_API_KEY", "ENGINE_URL", LISTEN_FD_VARIABLE})  # of the commands
OWN = ("ENGINE_", "MOCK_", "QUEUE_", "SOLANA_", "WEBHOOK_", "ACTIVE_ORDER_")  # few other programs have these
PREFIXES = tuple({f"{name.partition('_')[0]}_" for name in SETTINGS if "_" in name})
CLOSE = 0.75


def unknown(file: Iterable[str], environment: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """The names, with the settings that they may be meant for. The environment has variables of other programs too."""
    in_file = set(file)
    for name in sorted(in_file | {one for one in environment if one.startswith(PREFIXES)}):
        if name.upper() in SETTINGS or name.upper() in OTHERS:
            continue
        meant = next(iter(difflib.get_close_matches(name.upper(), SETTINGS, 1, CLOSE)), None)
        if meant or name.startswith(OWN):
            yield name, meant
