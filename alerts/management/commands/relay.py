"""`manage.py relay`: the relay as a process of its own."""

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from alerts.relay.service import Relay

ENDS = {signal.SIGTERM, signal.SIGINT}


class Command(BaseCommand):
    help = (
        "Number, publish, expand and deliver alerts, until SIGTERM or Ctrl-C. Set ALERTS_RELAY=off in the web "
        "processes then. Any number of relays may run."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do all that is due now, then end")

    def handle(self, *args: Any, once: bool = False, **options: Any) -> None:
        relay = Relay()
        if once:
            relay.run_once()
            return
        # Waited for, not handled: a handler that sets an Event deadlocks when it interrupts that Event's own wait().
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # before the threads start, which inherit it
        relay.start()
        self.stdout.write("The relay runs. Stop it with Ctrl-C.")
        signal.sigwait(ENDS)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)  # a second Ctrl-C ends it at once
        self.stdout.write("The relay ends after the work at hand.")
        relay.stop()
