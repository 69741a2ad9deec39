"""Whose sessions these are. Django's own sign-in decides; for many at once where nothing but Django's own parts does.

Then two queries answer for all of them. Whatever is not plainly so (another session engine, a backend that finds users
in a way of its own, a hash that needs a fallback key) is asked of Django itself, session by session.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user,
    get_user_model,
    load_backend,
)
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db.models.functions import Now
from django.http import HttpRequest, parse_cookie
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from alerts.among import among

Scope = Mapping[str, Any]


def session_key_of(scope: Scope) -> str:
    """The session cookie of a handshake, or nothing."""
    header = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    # Django's own reader: one bad cookie does not hide the others.
    return parse_cookie(header).get(settings.SESSION_COOKIE_NAME, "")


def digest(session_key: str) -> str:
    """What stands for a session in hints: never the key itself."""
    return hashlib.sha256(session_key.encode()).hexdigest()


def users_of(session_keys: Iterable[str]) -> dict[str, AbstractBaseUser | None]:
    """The active user of each of these sessions, or None, as `user_of` finds them. Sessions may share one instance."""
    found = dict.fromkeys(session_keys)
    # A key Django never makes is nobody's, and some databases refuse a whole query over a NUL.
    asked = [key for key in found if key.isascii() and key.isprintable()]
    plain = _plain_users(asked)
    for key in asked:
        found[key] = plain[key] if key in plain else user_of(key)
    return found


def user_of(session_key: str) -> AbstractBaseUser | None:
    """The active user of a session, as Django's own sign-in finds them: password changes count."""
    if not session_key:
        return None
    request = HttpRequest()
    session = request.session = _store()(session_key)
    session.cycle_key = lambda: None  # a socket sets no cookie (trap C8): after a fallback key the next page does it
    return _if_active(get_user(request))


def _plain_users(session_keys: list[str]) -> dict[str, AbstractBaseUser | None]:
    """What `get_user` would give for those of these sessions that are plain; the others are missing."""
    if _store() is not DatabaseStore:
        return {}
    model: Any = get_user_model()
    found: dict[str, AbstractBaseUser | None] = dict.fromkeys(session_keys)
    load: Any = cache(load_backend)
    claims = {}
    for key, values in _values_of(session_keys).items():
        if SESSION_KEY in values and values.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS:
            backend = load(values[BACKEND_SESSION_KEY])
            if getattr(type(backend), "get_user", None) is ModelBackend.get_user:
                claims[key] = backend, model._meta.pk.to_python(values[SESSION_KEY]), values.get(HASH_SESSION_KEY)
            else:
                del found[key]
    rows = among(model._default_manager.all(), "pk", {pk for _, pk, _ in claims.values()})
    users = {user.pk: user for user in rows}
    for key, (backend, pk, session_hash) in claims.items():
        user = users.get(pk)
        if user is None or not backend.user_can_authenticate(user):
            continue
        hash_of = getattr(user, "get_session_auth_hash", None)
        if hash_of is not None and session_hash and constant_time_compare(session_hash, hash_of()):
            found[key] = _if_active(user)
        else:
            del found[key]  # a fallback key, or a password that was changed: then Django ends the session
    return found


def _if_active(user: Any) -> AbstractBaseUser | None:
    return user if user.is_authenticated and user.is_active else None


def _values_of(session_keys: list[str]) -> dict[str, dict[str, Any]]:
    """What sessions in the database hold; those that are gone or over are missing."""
    decode = DatabaseStore().decode
    alive = DatabaseStore.get_model_class()._default_manager.filter(expire_date__gt=timezone.now())
    rows = among(alive, "session_key", session_keys).values_list("session_key", "session_data")
    return {key: decode(data) for key, data in rows}


def ended_sessions(session_keys: Iterable[str]) -> set[str]:
    """Those of these sessions that are gone or over, in one query where sessions are rows."""
    keys = set(session_keys)
    store = _store()
    if hasattr(store, "get_model_class"):
        model = store.get_model_class()
        # The database's clock: one process whose own has jumped would close every socket it has.
        alive = among(model._default_manager.filter(expire_date__gt=Now()), "session_key", keys)
        return keys - set(alive.values_list("session_key", flat=True))
    return {key for key in keys if not store(key).load()}


def _store() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore
