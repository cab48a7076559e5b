"""Which hosts and which pages the engine accepts, in both modes."""

from typing import Any

import pytest

from app.access.origins import ForeignHost, ForeignOrigin, Origins
from app.settings import load

LOCAL = Origins(load(_env_file=None))
PRODUCTION = Origins(
    load(
        _env_file=None,
        engine_mode="production",
        public_url="https://engine.my-domain.net/v1",
        allowed_origins="https://app.my-domain.net",
        allowed_hosts="engine-api, engine-api.prod.svc",
    )
)


def verdict(origins: Origins, method: str = "POST", path: str = "/order", **headers: str) -> str:
    fields = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    try:
        origins.check({"type": "http", "method": method, "path": path, "headers": fields})
    except (ForeignHost, ForeignOrigin) as error:
        return type(error).__name__
    return "allowed"


@pytest.mark.parametrize("origins", [LOCAL, PRODUCTION])
@pytest.mark.parametrize(
    "host", ["localhost:3000", "LOCALHOST", "127.0.0.1:3000", "[::1]:3000", "10.1.2.3", "localhost."]
)
def test_localhost_and_addresses_are_hosts_in_both_modes(origins: Origins, host: str) -> None:
    assert verdict(origins, host=host) == "allowed"


@pytest.mark.parametrize(
    "host",
    ["evil.net", "localhost.evil.net", "127.0.0.1.evil.net", "2130706433", "0x7f.1", "", "a b", "[::1", "a@localhost"],
)
def test_any_other_name_is_foreign_whatever_it_resolves_to(host: str) -> None:
    for method in ("GET", "POST"):
        assert verdict(LOCAL, method, host=host) == verdict(PRODUCTION, method, host=host) == "ForeignHost"


def test_a_request_without_a_host_or_with_two_is_refused() -> None:
    assert verdict(LOCAL) == "ForeignHost"
    two = [(b"host", b"localhost"), (b"host", b"evil.net")]
    for headers in (two, two[::-1]):
        with pytest.raises(ForeignHost):
            LOCAL.check({"type": "http", "method": "GET", "path": "/", "headers": headers})


def test_the_names_in_the_urls_and_in_allowed_hosts_are_hosts() -> None:
    for host in ("engine.my-domain.net", "app.my-domain.net:443", "engine-api:80", "engine-api.prod.svc"):
        assert verdict(PRODUCTION, host=host) == "allowed"
        assert verdict(LOCAL, host=host) == "ForeignHost"


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/api/health", "/metrics"])
def test_probes_may_use_any_host(path: str) -> None:
    assert verdict(PRODUCTION, "GET", path, host="healthcheck.my-platform.net") == "allowed"


def from_page(origin: str, host: str = "127.0.0.1:3000") -> dict[str, str]:
    return {"host": host, "origin": origin}


@pytest.mark.parametrize(
    ("origins", "page", "expected"),
    [
        (LOCAL, from_page("http://localhost:5173"), "allowed"),
        (LOCAL, from_page("http://127.0.0.1:3000"), "allowed"),
        (LOCAL, from_page("http://[::1]:3001"), "allowed"),
        (LOCAL, from_page("http://192.168.1.7:3000", host="192.168.1.7:3000"), "allowed"),
        (LOCAL, from_page("https://evil.net"), "ForeignOrigin"),
        (LOCAL, from_page("http://localhost.evil.net"), "ForeignOrigin"),
        (LOCAL, from_page("null"), "ForeignOrigin"),
        (LOCAL, from_page(""), "ForeignOrigin"),
        (PRODUCTION, from_page("https://app.my-domain.net"), "allowed"),
        (PRODUCTION, from_page("https://engine.my-domain.net"), "allowed"),
        (PRODUCTION, from_page("http://localhost:5173"), "ForeignOrigin"),
        (PRODUCTION, from_page("http://127.0.0.1:3000"), "ForeignOrigin"),
        (PRODUCTION, from_page("https://evil.net"), "ForeignOrigin"),
    ],
)
def test_a_page_may_act_if_the_settings_name_it_or_in_local_mode_if_it_is_on_this_machine(
    origins: Origins, page: dict[str, Any], expected: str
) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert verdict(origins, method, **page) == expected
    assert verdict(origins, "GET", **page) == "allowed"  # reads have no effect, and CORS keeps the answer from the page


@pytest.mark.parametrize(
    ("site", "expected"),
    [("cross-site", "ForeignOrigin"), ("same-site", "ForeignOrigin"), ("same-origin", "allowed"), ("none", "allowed")],
)
def test_without_an_origin_the_browsers_word_on_the_site_counts(site: str, expected: str) -> None:
    assert verdict(LOCAL, host="localhost:3000", sec_fetch_site=site) == expected
    assert verdict(LOCAL, host="localhost:3000", sec_fetch_site=site, origin="http://localhost:5173") == "allowed"
