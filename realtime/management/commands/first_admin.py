"""`manage.py first_admin`: somebody to sign in as, while DEBUG is on. `script/server` runs it at every start."""

import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from accounts.models import User
from alerts.events import muted

FILE = Path(settings.VAR) / "first-admin"


class Command(BaseCommand):
    help = "With DEBUG on: make a first admin if there is none, and print how to sign in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=Path, default=FILE, help="where its random password is kept (mode 0600)")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        if not settings.DEBUG:
            return
        username, password = _kept(file)
        user = User.objects.filter(username=username).first() if username else None
        if user is None:
            if User.objects.filter(is_superuser=True).exists():
                return
            username, password = username or _free_username(), password or secrets.token_urlsafe(9)
            _keep(file, username, password)
            # Nobody is there yet to be told of it.
            with muted(), transaction.atomic():
                User.objects.create_superuser(username, password=password)
        elif not user.check_password(password):
            self.stdout.write(f"Sign in: {username}, with the password you chose.")
            return
        self.stdout.write(f"Sign in: {username} {password}")


def _kept(file: Path) -> tuple[str, str]:
    if not file.exists():
        return "", ""
    username, _, password = file.read_text().strip().partition(" ")
    return username, password


def _keep(file: Path, username: str, password: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(f"{username} {password}\n")


def _free_username() -> str:
    taken = set(User.objects.filter(username__startswith="admin").values_list("username", flat=True))
    return next(name for number in range(len(taken) + 1) if (name := f"admin{number or ''}") not in taken)
