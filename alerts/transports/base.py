"""What a transport is: it names an address for a user, and opens sessions that carry deliveries to addresses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser

from ..exceptions import DeclarationError
from ..models import Delivery

registered: dict[str, Transport] = {}


class Session(ABC):
    """One connection for many messages. Used by one thread."""

    @abstractmethod
    def send(self, delivery: Delivery, recipient: AbstractBaseUser) -> None:
        """Carry one delivery, in 20 seconds at most. Returns only when the other side has taken it.

        Raises TransportError, `permanent` when another try is of no use; ConnectionLost, one of its kind, when the
        server is out of reach.
        The same delivery may come again after a crash; it must then be recognisable as the same (a Message-ID).
        """

    @abstractmethod
    def close(self) -> None:
        """Never raises."""


class Transport(ABC):
    """A subclass with a `name` is registered by being defined."""

    name: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.name:
            if cls.name in registered and type(registered[cls.name]).__qualname__ != cls.__qualname__:
                raise DeclarationError(f"{cls.__module__}: a transport is named {cls.name!r} already. Rename this one.")
            registered[cls.name] = cls()

    @abstractmethod
    def address(self, user: AbstractBaseUser) -> str:
        """Where to reach this user over this transport; empty if nowhere, then there is no delivery."""

    @abstractmethod
    def open(self) -> Session:
        """A session, connected at once or at its first message. Raises ConnectionLost."""
