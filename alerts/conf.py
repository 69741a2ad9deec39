"""This app's settings with their defaults: `settings.ALERTS`, a dictionary; every key may be left out."""

from dataclasses import dataclass, fields
from typing import Any

from django.conf import settings


@dataclass(frozen=True)
class Conf:
    """Read at each use through `conf()`, so that tests may override `settings.ALERTS`."""

    RELAY: str = "thread"  # thread: the relay runs in the web process; off: `manage.py relay` runs elsewhere
    ORIGINS: tuple[str, ...] = ()  # further origins, scheme://host:port, whose pages may open the feed
    WINDOW: int = 256  # unacknowledged alerts per socket; its bytes are 1 KiB for each
    HEARTBEAT: int = 15  # seconds between two heartbeats
    TRUSTED_PROXY: tuple[str, ...] = ()  # addresses and networks whose X-Forwarded-For is believed
    SITE_NAME: str = "Alerts"
    SITE_URL: str = "http://127.0.0.1:8000"
    SOCKETS_PER_USER: int = 5_000  # in one process; the next is closed with 4509
    SOCKETS: int = 20_000  # in one process; the next is closed with 4013
    RECHECK: float = 4.0  # seconds between two looks at the rights and reads of connected users


def conf() -> Conf:
    global _last
    given: dict[str, Any] = getattr(settings, "ALERTS", {})
    if _last[0] != given:
        _last = dict(given), _read(given)
    return _last[1]


def _read(given: dict[str, Any]) -> Conf:
    values = {name: value for name, value in given.items() if name in _names}
    for name in ("ORIGINS", "TRUSTED_PROXY"):
        values[name] = tuple(values.get(name, ()))
    return Conf(**values)


_names = {field.name for field in fields(Conf)}
_last: tuple[dict[str, Any], Conf] = {}, Conf()  # what it was made of, for every socket asks for it several times


def unknown_keys() -> list[str]:
    return sorted(set(getattr(settings, "ALERTS", {})) - _names)
