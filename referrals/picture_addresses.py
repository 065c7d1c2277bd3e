"""Where pictures may be fetched from: what an address must be before anybody connects to it. Pure."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from referrals.errors import BadPicture

HTTPS_PORT: Final = 443
_PLAIN: Final = re.compile(r"[\x21-\x7e]{1,2000}")
_PORTS: Final = {"http": 80, "https": HTTPS_PORT}
# Networks whose addresses stand for others, and so may lead inside: NAT64 (RFC 6052 and 8215), 6to4, Teredo.
_TRANSLATED: Final = [ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL names. `target` is path and query; `trusted`: a host of our own, where no address is refused."""

    scheme: str
    host: str
    port: int
    target: str
    trusted: bool

    @property
    def origin(self) -> str:
        """Host and port, as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def place_of(url: str, trusted_hosts: Collection[str]) -> Place:
    """What a URL names. Raises BadPicture for all but https on its own port, but for `trusted_hosts`.

    These are hosts (`pictures.internal`), or hosts with ports (`127.0.0.1:8080`); plain http is allowed there.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port or _PORTS[parts.scheme], (parts.hostname or "").encode("ascii").decode()
    except (ValueError, KeyError) as error:
        raise BadPicture("address") from error
    trusted = host in trusted_hosts or f"{host}:{port}" in trusted_hosts
    allowed = trusted or (parts.scheme == "https" and port == HTTPS_PORT)
    if not host or not allowed or "@" in parts.netloc or not _PLAIN.fullmatch(url):
        raise BadPicture("address")
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Place(parts.scheme, host, port, target, trusted)


def outside(addresses: Iterable[str]) -> list[str]:
    """These addresses of one host, all of them in the public internet. Raises BadPicture where one is not: a host
    that has a public address and a private one is up to something."""
    known = list(addresses)
    if not known or not all(_is_outside(ip_address(text.partition("%")[0])) for text in known):
        raise BadPicture("address")
    return known


def _is_outside(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_outside(address.ipv4_mapped)
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
