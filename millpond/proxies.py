"""Which proxies are believed, and whom they name: for sockets, as uvicorn does it for HTTP."""

from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from live.handshake import AddressOf, IsProxy


def address_of(trusted_proxies: str) -> AddressOf:
    """Who is at the other end: the peer, or whom a trusted proxy names, as uvicorn tells it for HTTP."""
    trusted = _trusted(trusted_proxies)

    def of(peer: str, forwarded: list[str]) -> str:
        if not forwarded or peer not in trusted:
            return peer
        return trusted.get_trusted_client_address(", ".join(forwarded))[0] or peer

    return of


def is_proxy_of(trusted_proxies: str) -> IsProxy:
    """Whether a peer is one of the proxies that are believed."""
    trusted = _trusted(trusted_proxies)
    return lambda peer: peer in trusted


def _trusted(proxies: str) -> Any:
    return ProxyHeadersMiddleware(_nothing, proxies or []).trusted_hosts


async def _nothing(*_: Any) -> None:
    """No application: only the proxies' list is wanted."""
