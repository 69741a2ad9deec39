"""A process in which two acts at a time want the same rows, on connections of their own; it ends with 1 if one fails.

`python -m tests.faults.rivals --rounds 40 --seed 7 --journals FILE`. Each round is an act of the journal: the rows
there were, and those that are gone.
"""

import argparse
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from django.contrib.auth import get_user_model
from django.db import connections, transaction
from django.db.models.signals import pre_delete

from posts.models import Post
from tests.faults.journal import COMMITTED, Journal

ROWS = 6
Act = Callable[[int], None]
_of_this_thread = threading.local()


class Refused(Exception):
    """Raised by a handler."""


def _handle(instance: Post, **kwargs: Any) -> None:
    """A site's own handler: each thread's does what its act has asked for."""
    handler = getattr(_of_this_thread, "handler", None)
    if handler is not None:
        handler(instance)


@contextmanager
def handler(call: Callable[[Post], None]) -> Iterator[None]:
    _of_this_thread.handler = call
    try:
        yield
    finally:
        _of_this_thread.handler = None


def posts_of(author: int) -> list[Post]:
    return list(Post.objects.filter(author=author).order_by("pk"))


def delete_one(author: int) -> None:
    for post in posts_of(author)[2:3]:
        post.delete()


def delete_many(author: int) -> None:
    Post.objects.filter(author=author).exclude(title__endswith=".0").delete()


def delete_the_account(author: int) -> None:
    for user in get_user_model().objects.filter(pk=author):
        user.delete()


def delete_rows_of_the_outer_act(author: int) -> None:
    """A handler of a bulk delete deletes the rows that the bulk delete wants as well."""

    def take(instance: Post) -> None:
        with handler(lambda post: None):
            for post in posts_of(author)[1:4]:
                if post.pk != instance.pk:
                    post.delete()

    with handler(take):
        Post.objects.filter(author=author, title__regex=r"[0-3]$").delete()


def delete_another_after_a_refusal(author: int) -> None:
    """A handler raises when the row is noted already; another act follows in the same transaction."""

    def refuse(instance: Post) -> None:
        raise Refused

    posts = posts_of(author)
    with transaction.atomic():
        for post in posts[:1]:
            with suppress(Refused), handler(refuse), transaction.atomic():
                post.delete()
        for post in posts[2:4]:
            post.delete()


# A row that one act holds while it waits for another's is a deadlock of Django's own; these have none.
RIVALS: tuple[tuple[Act, Act], ...] = (
    (delete_one, delete_one),
    (delete_one, delete_many),
    (delete_many, delete_many),
    (delete_one, delete_the_account),
    (delete_many, delete_the_account),
    (delete_the_account, delete_the_account),
    (delete_one, delete_rows_of_the_outer_act),
    (delete_one, delete_another_after_a_refusal),
)


class Rounds:
    def __init__(self, journal: Journal, seed: str) -> None:
        self._journal = journal
        self._chance = random.Random(seed)
        self._start = threading.Barrier(2)
        self._threads = ThreadPoolExecutor(2)

    def run(self, number: int) -> None:
        titles = [f"round {number}.{place}" for place in range(ROWS)]
        # Made in bulk, which sends no signals.
        [author] = get_user_model().objects.bulk_create([get_user_model()(username=f"author {number}")])
        Post.objects.bulk_create([Post(title=title, author=author) for title in titles])
        self._journal.intend("round", titles)
        acts = RIVALS[number % len(RIVALS)]
        pauses = [self._chance.random() * 0.004 for _ in acts]
        futures = [
            self._threads.submit(partial(self._act, act, author.pk, pause))
            for act, pause in zip(acts, pauses, strict=True)
        ]
        for future in futures:
            future.result()
        there = set(Post.objects.filter(title__in=titles).values_list("title", flat=True))
        self._journal.settle(COMMITTED, [title for title in titles if title not in there])

    def _act(self, act: Act, author: int, pause: float) -> None:
        connections["default"].ensure_connection()
        self._start.wait(30)
        time.sleep(pause)
        act(author)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--journals", type=Path, nargs=1, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seed", default="0")
    options = parser.parse_args()
    pre_delete.connect(_handle, sender=Post)
    rounds = Rounds(Journal(options.journals[0]), options.seed)
    for number in range(options.rounds):
        rounds.run(number)


if __name__ == "__main__":
    main()
