"""`manage.py relay`: the relay as a process of its own."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from alerts.relay.service import Relay


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
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        relay.start()
        self.stdout.write("The relay runs. Stop it with Ctrl-C.")
        ended.wait()
        self.stdout.write("The relay ends after the work at hand.")
        relay.stop()
