"""Who a socket belongs to: a signed-in user, what they may see, and what they have read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import InterfaceError, OperationalError

from alerts import reads
from alerts.reads import Reading
from alerts.relay.head import read_head

from .rights import Rights, Signature, rights_of
from .sessions import users_of


@dataclass(frozen=True, slots=True)
class Person:
    """What a socket keeps of a user of the site's model."""

    pk: Any
    name: str


@dataclass(frozen=True, slots=True)
class Identity:
    """One signed-in user. Whatever they have read, they read before the log was at `head`."""

    user: Person
    own_key: str
    shared_keys: frozenset[str]
    keys: frozenset[str]
    signature: Signature  # changes whenever their rights might
    reading: Reading
    head: int

    @classmethod
    def of(cls, user: AbstractBaseUser, rights: Rights, reading: Reading, head: int) -> Identity:
        own_key = f"user:{user.pk}"
        return cls(
            user=Person(user.pk, user.get_username()),
            own_key=own_key,
            shared_keys=rights.shared_keys,
            keys=rights.shared_keys | {own_key},
            signature=rights.signature,
            reading=reading,
            head=head,
        )


Outcome = Identity | Exception | None


def identify_all(session_keys: Iterable[str]) -> dict[str, Outcome]:
    """The identity behind each session, None, or what was raised over it: none of them takes others with it.

    A database that is out of reach fails all: it raises.
    """
    asked = list(session_keys)
    try:
        return dict(_identify_together(asked))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(asked) == 1:
            return {asked[0]: error}
    outcomes: dict[str, Outcome] = {}
    for key in asked:
        outcomes |= identify_all([key])
    return outcomes


def _identify_together(session_keys: list[str]) -> dict[str, Identity | None]:
    found = users_of(session_keys)
    users = {str(user.pk): user for user in found.values() if user is not None}
    rights = rights_of(users.values())
    readings = reads.readings(users)
    head = read_head().position
    identities = {key: Identity.of(user, rights[key], readings[key], head) for key, user in users.items()}
    return {key: None if user is None else identities[str(user.pk)] for key, user in found.items()}
