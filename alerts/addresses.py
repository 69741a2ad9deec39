"""Whose address counts: the peer's, or, from a declared proxy alone, the one it forwards for (trap D8)."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from .conf import conf


def client_address(peer: str, forwarded: str) -> str:
    """`forwarded` is X-Forwarded-For, empty without one; only its last entry is the proxy's own word."""
    if forwarded and is_trusted(peer):
        return forwarded.rpartition(",")[2].strip()
    return peer


def is_trusted(peer: str) -> bool:
    """Whether this address is a proxy of ours: one of ALERTS_TRUSTED_PROXY, or in a network named there."""
    try:
        address = ip_address(peer)
    except ValueError:
        return False  # a Unix socket has none
    return any(address in network for network in networks(conf().TRUSTED_PROXY))


@lru_cache(maxsize=8)
def networks(proxies: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Raises ValueError for what is neither an address nor a network."""
    return tuple(ip_network(proxy, strict=False) for proxy in proxies)
