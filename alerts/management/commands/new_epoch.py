"""`manage.py new_epoch`: a step of every restore."""

from typing import Any

from django.core.management.base import BaseCommand

from alerts.relay.head import new_epoch


class Command(BaseCommand):
    help = (
        "Begin a new epoch of the log: every open dashboard loads its list anew. Run it after restoring a backup, "
        "before the site is opened again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"The epoch is now {new_epoch()}.")
