"""Which host names this engine answers to, and which pages may send it requests or open a socket.

A browser sends the requests of any page it shows, to this machine too. It names the page (`Origin`, `Sec-Fetch-Site`),
and the host that it sends the request to (`Host`). The owner of a name can point it at this machine (DNS rebinding):
then a page of that name has the same origin as the engine. Nobody can do that with an address.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.types import Scope

from app.access.headers import headers_of
from app.settings import Settings

LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # they change nothing, and CORS keeps their answers from the page
PAGES = frozenset({"/", "/console", "/docs"})  # links of other sites may lead to them
HEALTH = frozenset({"/health", "/health/live", "/health/ready", "/api/health"})
AT_ANY_HOST = HEALTH | {"/metrics"}  # for probes; in local mode, where they need no key, not the metrics

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?")


class ForeignHost(Exception):
    """The request was sent to a name that this engine does not have."""


class ForeignOrigin(Exception):
    """A page of another origin tries to change something, to open a socket, or to use up the user's requests."""


class Origins:
    """The host names and origins of one engine."""

    def __init__(self, settings: Settings) -> None:
        own = () if settings.public_url is None else (origin_of(settings.public_url),)
        self._origins = frozenset({*settings.allowed_origins, *own})
        self._names = frozenset({"localhost", *settings.allowed_hosts, *_hosts(self._origins)})
        self._local = settings.engine_mode == "local"
        self._at_any_host = HEALTH if self._local else AT_ANY_HOST
        self._has_name = lru_cache(maxsize=256)(self._find_name)

    def check(self, scope: Scope) -> None:
        """Raises ForeignHost or ForeignOrigin. A few microseconds."""
        headers = headers_of(scope)
        if len(headers) < len(scope["headers"]) and len({at for name, at in scope["headers"] if name == b"host"}) > 1:
            raise ForeignHost
        host, origin, site = headers.get(b"host"), headers.get(b"origin"), headers.get(b"sec-fetch-site")
        if scope["path"] not in self._at_any_host and not self._has_name(host):
            raise ForeignHost
        # A GET changes nothing, but counts as a read of the user, even if a page of another site sent it. A link may
        # lead to the engine's page: a user who follows it sees the engine in the address bar. No user has asked for
        # what a page prefetches.
        follows_link = headers.get(b"sec-fetch-dest") == b"document" and b"sec-purpose" not in headers
        harmless = site != b"cross-site" or (follows_link and scope["path"] in PAGES) or scope["path"] in HEALTH
        if harmless and scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return
        if origin is None:  # not a browser, unless it says so
            if site in (b"cross-site", b"same-site"):
                raise ForeignOrigin
        elif not self.allows(origin.decode("latin-1"), host):
            raise ForeignOrigin

    def allows(self, origin: str, host: bytes | None) -> bool:
        """Whether pages of this origin may act.

        Those that the settings name may. In local mode also those on this machine, because a front end under
        development has a port of its own, and the engine's own page at any address.
        """
        if origin in self._origins:
            return True
        scheme, _, at = origin.partition("://")
        own = scheme in ("http", "https") and at.encode("latin-1") == host
        return self._local and (own or bool(LOOPBACK.fullmatch(origin)))

    def _find_name(self, host: bytes | None) -> bool:
        found = _HOST.fullmatch(host or b"")
        if not found:
            return False
        name = found[1].decode().lower().rstrip(".")
        return name in self._names or _is_address(name.strip("[]"))


def origin_of(url: str) -> str:
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}"


def _hosts(origins: Iterable[str]) -> Iterable[str]:
    return (host for host in (urlsplit(origin).hostname for origin in origins) if host)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
