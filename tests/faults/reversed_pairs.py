"""A process of pairs of writers that commit in the reverse order of their alerts' serial keys.

`python -m tests.faults.reversed_pairs --pairs 60 --longest 0.1 --seed 7 --journals EARLY LATE EARLY LATE ...`: the
pairs are shared out among as many lanes as there are pairs of journals. `--longest` is in seconds, between two commits.
"""

import argparse
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import django

if __name__ == "__main__":
    django.setup()

from django.contrib.auth import get_user_model
from django.db import transaction

from alerts.models import Alert
from posts.models import Post
from tests.faults.journal import COMMITTED, Journal
from tests.faults.writer import AUTHOR


class Lane:
    """One pair after another: `early` takes its serial key first and commits last, `late` goes by in between."""

    def __init__(self, early: Journal, late: Journal, *, seed: str, longest: float) -> None:
        self._early = early
        self._late = late
        self._chance = random.Random(f"{seed} {early.file.name}")
        self._longest = longest
        self._other = ThreadPoolExecutor(1)  # with a connection of its own

    def run(self, pairs: int) -> None:
        author = get_user_model().objects.get(username=AUTHOR)
        names = [f"{journal.file.stem} {number}" for number in range(pairs) for journal in (self._early, self._late)]
        posts = Post.objects.bulk_create([Post(title=name, author=author) for name in names])
        for first, second in zip(posts[::2], posts[1::2], strict=True):
            self._pair(first, second)
        self._other.shutdown()

    def _pair(self, first: Post, second: Post) -> None:
        self._early.intend("early", [first.title])
        with transaction.atomic():
            first.delete()
            seq = self._other.submit(self._go_by, second).result()
            mine = (
                Alert.objects.order_by("-seq").filter(position=None, data__title=first.title).values_list("seq").get()
            )
            assert mine < (seq,), "the pair is not reversed"
            time.sleep(self._chance.uniform(0, self._longest))
        self._early.settle(COMMITTED, [first.title])

    def _go_by(self, post: Post) -> int:
        self._late.intend("late", [post.title])
        post.delete()
        self._late.settle(COMMITTED, [post.title])
        return _seq_of(post)


def _seq_of(post: Post) -> int:
    alert = Alert.objects.filter(data__title=post.title).order_by("-seq").first()
    assert alert is not None
    return alert.seq


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--journals", type=Path, nargs="+", required=True)
    parser.add_argument("--pairs", type=int, required=True)
    parser.add_argument("--longest", type=float, required=True)
    parser.add_argument("--seed", default="0")
    options = parser.parse_args()
    journals = [Journal(file) for file in options.journals]
    lanes = [
        Lane(early, late, seed=options.seed, longest=options.longest)
        for early, late in zip(journals[::2], journals[1::2], strict=True)
    ]
    with ThreadPoolExecutor(len(lanes)) as threads:
        list(threads.map(Lane.run, lanes, [options.pairs // len(lanes)] * len(lanes)))


if __name__ == "__main__":
    main()
