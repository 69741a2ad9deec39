"""`manage.py health`: whether work is left lying, for a relay's container, which answers no requests."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from alerts import vitals
from realtime.health import Look


class Command(BaseCommand):
    help = "Say whether alerts and deliveries are carried on in time. Ends with 1 and the reasons when they are not."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = vitals.take()
        except DatabaseError as error:
            raise CommandError(f"The database does not answer ({type(error).__name__}).") from None
        if reasons := Look(found, None, ()).left_lying:
            raise CommandError(" ".join(reasons))
        self.stdout.write(f"ok: the log is at {found.head}, and nothing waits longer than it should.")
