"""Where a webhook may lead: to the public internet, and never into the network of the engine.

A name is looked up for each connection, and the connection goes to the address that was checked: see `sender.py`. So a
name that is public now and private a moment later leads nowhere. In local mode this machine is allowed too.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address

MAX_URL = 1_000  # characters

# Everything of IANA's registry of special addresses, and multicast. Not `is_global`: its tables depend on the version
# of Python, and it takes multicast for global.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure: the platform itself, at a public address
    )
)
# Only global unicast is public: not loopback, link-local, unique local, or IPv4 in any form but NAT64. Of global
# unicast not what tunnels to IPv4 (Teredo, 6to4), and not what is for documents.
_GLOBAL_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_NAT64 = IPv6Network("64:ff9b::/96")  # the last 32 bits are an IPv4 address
_NUMBER = re.compile("[0-9]+|0x[0-9a-f]*")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_6 and not any(address in network for network in _NOT_PUBLIC_6)


def is_loopback(address: Address) -> bool:
    return address.is_loopback


def is_public_or_loopback(address: Address) -> bool:
    return is_public(address) or is_loopback(address)


def refusal(url: str, *, local: bool) -> str | None:
    """Why no webhook has this URL; None: it may. A name may still turn out to lead inside."""
    if len(url) > MAX_URL or not url.isascii() or any(one <= " " or one in '"<>\\^`{|}\x7f' for one in url):
        return f"must be a URL in ASCII, of at most {MAX_URL} characters and without blanks"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "must be a URL"
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        return "must begin with https://"
    if not host:
        return "must have a host"
    if "@" in parts.netloc:
        return "must have no user and no password: a header has the signature"
    if "#" in url:
        return "must have no #fragment"
    if parts.scheme == "http" and host not in _LOCAL_HOSTS:
        return "must begin with https://; http is for this machine"
    try:
        literal = ip_address(host)
    except ValueError:
        return None if local and host in _LOCAL_HOSTS else _refused_name(host)
    allowed = is_public_or_loopback(literal) if local else is_public(literal)
    return None if allowed else "must be a public address"


def _refused_name(host: str) -> str | None:
    *others, last = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(last):  # resolvers read 127.1, 2130706433 and 0x7f.1 as addresses
        return "must have a name, or an address of four decimal numbers: the last part of a name is no number"
    return None if others else "must have a name with a dot: one without leads into the engine's own network"
