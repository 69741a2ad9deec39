"""Decides on a WebSocket handshake before the upgrade: path, origin, resume position. Anything wrong is a 403."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from alerts import addresses
from alerts.conf import conf

Scope = Mapping[str, Any]
LARGEST = 2**53 - 1
DEFAULT_PORTS = {"http": "80", "https": "443"}
SUBPROTOCOL = "alerts.v1"


class Refused(Exception):
    """The handshake is answered with 403; the message goes to the log only."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a client wants to go on: None and None for the head."""

    epoch: str | None
    position: int | None


def resume_of(scope: Scope) -> Resume:
    """`?epoch=<epoch>&position=<n>`. Raises Refused for a position that is no integer in 0..2^53-1."""
    try:
        query = parse_qs(scope["query_string"].decode("ascii"), keep_blank_values=True)
    except ValueError as error:
        raise Refused("bad query") from error
    epoch = query.get("epoch", [None])[-1]
    position = query.get("position", [None])[-1]
    if position is None:
        return Resume(epoch, None)
    if not re.fullmatch(r"[0-9]{1,16}", position) or int(position) > LARGEST:
        raise Refused("bad position")
    return Resume(epoch, int(position))


def verify_origin(scope: Scope) -> None:
    """One Origin, exactly the request's own Host's, SITE_URL's, or in ALERTS_ORIGINS (trap C7). Raises Refused."""
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(origins) != 1 or len(hosts) != 1:
        raise Refused("not one Origin and one Host")
    allowed = tuple(settings.ALLOWED_HOSTS)
    if settings.DEBUG and not allowed:
        allowed = (".localhost", "127.0.0.1", "[::1]")
    scheme = {"ws": "http", "wss": "https"}.get(scope.get("scheme", "ws"), "http")
    refusal = _refusal(origins[0], hosts[0], scheme, allowed, (conf().SITE_URL, *conf().ORIGINS))
    if refusal:
        raise Refused(refusal)


@lru_cache(maxsize=16)  # few origins are a site's, and every socket of a storm names one of them
def _refusal(
    given_origin: bytes, given_host: bytes, scheme: str, allowed: tuple[str, ...], known: tuple[str, ...]
) -> str:
    """Why this origin is none of ours, or nothing."""
    origin, host = given_origin.decode("latin-1"), given_host.decode("latin-1")
    domain, port = split_domain_port(host)
    if not domain or not validate_host(domain, allowed):
        return "unknown Host"
    shown = host.removesuffix(f":{DEFAULT_PORTS[scheme]}") if port else host
    if origin not in {f"{scheme}://{shown}", _origin(known[0]), *known[1:]}:
        return "foreign Origin"
    return ""


def client_address(scope: Scope) -> str:
    """The client's address, for the log."""
    forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    peer = str((scope.get("client") or ("",))[0])
    return addresses.client_address(peer, forwarded[-1].decode("latin-1") if forwarded else "")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port and str(parts.port) != DEFAULT_PORTS.get(parts.scheme) else ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}"
