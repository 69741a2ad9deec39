"""A process that deletes very many rows in one call: `python -m tests.faults.bulk FILE account|queryset ROWS`.

It makes the rows first, says `ready`, and deletes them once FILE is there; the log says when it began and when it was
committed, by `time.time()`.
"""

import json
import sys
import time
from pathlib import Path

import django

if __name__ == "__main__":
    django.setup()

from django.contrib.auth import get_user_model

from posts.models import Post


def main() -> None:
    signal, how, rows = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    # Made in bulk, which sends no signals.
    [author] = get_user_model().objects.bulk_create([get_user_model()(username=f"prolific {how}")])
    titles = [f"{how} {number}" for number in range(rows)]
    Post.objects.bulk_create([Post(title=title, author=author) for title in titles], batch_size=1_000)
    print("ready", flush=True)  # noqa: T201
    while not signal.exists():
        time.sleep(0.01)
    began = time.time()
    gone, _ = author.delete() if how == "account" else Post.objects.filter(author=author).delete()
    span = {"began": began, "committed": time.time(), "gone": gone}
    print(json.dumps(span), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
