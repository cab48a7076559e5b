"""A webhook leads to the public internet, and never inside."""

from ipaddress import ip_address

import pytest

from app.webhooks.addresses import is_public, refusal

PUBLIC = [
    *("8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1"),
    *("2606:4700::1111", "2a00:1450:4001::1", "2003::1"),
    "64:ff9b::8.8.8.8",  # NAT64 of a public address
]
INSIDE = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    "169.254.169.254",  # metadata of clouds
    "168.63.129.16",  # Azure's platform
    *("100.64.0.1", "100.100.100.200", "100.127.255.255"),  # shared by a provider's customers
    *("192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%2", "fc00::1", "fd00:ec2::254", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1"),  # IPv4 inside of IPv6
    *("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8"),
    *("2002:7f00:1::", "2001::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://bot.example.com/", "https://"),
        ("ftp://bot.example.com/", "https://"),
        ("//bot.example.com/", "https://"),
        ("https://", "a host"),
        ("https:///x", "a host"),
        ("https://user:password@bot.example.com/", "no user"),
        ("https://bot.example.com/#part", "no #fragment"),
        ("https://bot.example.com/a b", "without blanks"),
        ("https://bot.example.com/\r\nhost: inside", "without blanks"),
        ("https://bot.example.com\\@10.0.0.1/", "without blanks"),
        ("https://bücher.example/", "in ASCII"),
        ("https://bot.example.com/" + "x" * 1_000, "at most"),
        ("https://bot.example.com:99999/", "must be a URL"),
        ("https://[::1", "must be a URL"),
        ("https://10.0.0.1/", "public address"),
        ("https://169.254.169.254/latest", "public address"),
        ("https://[::ffff:127.0.0.1]/", "public address"),
        ("https://127.0.0.1/", "public address"),
        ("http://localhost:9000/", "https://"),
        *((f"https://{host}/", "a name with a dot") for host in ("localhost", "LOCALHOST.", "db", "db:5432")),
        *((f"https://{host}/", "no number") for host in ("2130706433", "127.1", "0x7f.1", "017700000001", "8.8.8.8.")),
    ],
)
def test_a_url_that_is_refused(url: str, says: str) -> None:
    assert says in (refusal(url, local=False) or "")


def test_urls_that_are_taken() -> None:
    assert refusal("https://bot.example.com/engine?token=1", local=False) is None
    assert refusal("https://bot.example.com:8443/", local=False) is None
    assert refusal("https://1.1.1.1/", local=False) is None


def test_local_mode_also_takes_this_machine_and_no_other_inside() -> None:
    for url in ("http://localhost:9000/", "http://127.0.0.1:9000/hook", "http://[::1]:9000/", "https://127.0.0.1/"):
        assert refusal(url, local=True) is None, url
    refused = (
        "http://bot.example.com/",
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "https://192.168.0.1/",
        "https://db/",
    )
    for url in refused:
        assert refusal(url, local=True), url
