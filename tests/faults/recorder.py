"""A process that records alerts of a given size at a given pace, each in a transaction of its own, into a journal.

`python -m tests.faults.recorder --journal FILE --name r1 --alerts 1000 --size 4000 --rate 50`.
"""

import argparse
import time
from pathlib import Path

import django

if __name__ == "__main__":
    django.setup()

from django.db import transaction

from alerts.outbox import Subject, record
from tests.faults.journal import COMMITTED, Journal

WARMTH = 1.0  # seconds


def run(journal: Journal, *, name: str, audience: str, alerts: int, size: int, rate: float) -> None:
    def write(title: str) -> None:
        journal.intend("record", [title])
        subject: Subject = {"model": "faults.row", "pk": "1", "label": title}
        with transaction.atomic():
            record(kind="faults.recorded", audience=audience, title=title, body="x" * size, subjects=[subject])
        journal.settle(COMMITTED, [title])

    # The first alert of a process starts its bell and the layer; the others show what a process that runs does.
    write(f"the first of {name}")
    time.sleep(WARMTH)
    print("recording", flush=True)  # noqa: T201
    began = time.monotonic()
    for number in range(alerts):
        time.sleep(max(began + number / rate - time.monotonic(), 0))
        write(f"{name} {number}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--audience", default="staff")
    parser.add_argument("--alerts", type=int, required=True)
    parser.add_argument("--size", type=int, default=0, help="characters of each alert's body, 4,000 at most")
    parser.add_argument("--rate", type=float, default=1e6, help="alerts a second at most")
    options = vars(parser.parse_args())
    run(Journal(options.pop("journal")), **options)


if __name__ == "__main__":
    main()
