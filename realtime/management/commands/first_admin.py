"""The first admin of a new clone, so that `script/server` can say how to sign in. Only while DEBUG is on."""

import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

USERNAME = "admin"


class Command(BaseCommand):
    help = "Makes a first admin when there is none and prints how to sign in. Does nothing when DEBUG is off."

    def handle(self, *args: Any, **options: Any) -> None:
        """Idempotent. The password is kept in `var/first-admin`; a database made anew gets the same one again."""
        if not settings.DEBUG:
            return
        users = get_user_model()._default_manager
        kept = Path(settings.VAR) / "first-admin"
        if (
            not users.filter(is_superuser=True, is_active=True).exists()
            and not users.filter(username=USERNAME).exists()
        ):
            # The file first: a password that was lost between the two could never be shown again.
            users.create_superuser(username=USERNAME, email="", password=_password_in(kept) or _new_password(kept))
        password = _password_in(kept)
        if not password:
            return
        admin = users.filter(username=USERNAME, is_active=True).first()
        if admin is not None and admin.check_password(password):
            self.stdout.write(f"Sign in: {USERNAME} {password}")
        else:
            self.stdout.write(
                f"The password in {kept} is not that of {USERNAME} any more. "
                f"For a new one, type: .venv/bin/python manage.py changepassword {USERNAME}"
            )


def _password_in(kept: Path) -> str:
    return kept.read_text().strip() if kept.exists() else ""


def _new_password(kept: Path) -> str:
    password = secrets.token_urlsafe(12)
    kept.parent.mkdir(exist_ok=True)
    kept.unlink(missing_ok=True)
    kept.touch(mode=0o600)
    kept.write_text(password + "\n")
    return password
