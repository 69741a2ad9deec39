"""People who are signed in already: rows of users and sessions, written in bulk. Runs in a process of the site."""

from datetime import timedelta
from pathlib import Path

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import User

BACKEND = "accounts.backends.UsernameOrEmailBackend"


def make_people(count: int, cookies: str, *, prefix: str = "person", is_staff: bool = True) -> list[int]:
    """`count` users without a password, superusers where `is_staff`, each with one session. Gives their keys, and
    writes their Cookie headers into the file `cookies`, a line each, in the same order."""
    users = [
        User(username=f"{prefix}{number}", password="!", is_staff=is_staff, is_superuser=is_staff)
        for number in range(count)
    ]
    User.objects.bulk_create(users, batch_size=1000)
    until = timezone.now() + timedelta(days=1)
    store = SessionStore()
    sessions = [
        Session(
            session_key=get_random_string(32, "abcdefghijklmnopqrstuvwxyz0123456789"),
            session_data=store.encode(
                {
                    SESSION_KEY: str(user.pk),
                    BACKEND_SESSION_KEY: BACKEND,
                    HASH_SESSION_KEY: user.get_session_auth_hash(),
                }
            ),
            expire_date=until,
        )
        for user in users
    ]
    Session.objects.bulk_create(sessions, batch_size=1000)
    Path(cookies).write_text("".join(f"sessionid={session.session_key}\n" for session in sessions))
    return [user.pk for user in users]
