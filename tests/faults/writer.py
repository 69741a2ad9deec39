"""A process that deletes posts in every way a site does, and writes down what it meant to do and what came of it.

`python -m tests.faults.writer --journal FILE --name w1 --acts 100 --seed 7`. Killed and started anew it goes on where
its journal ends; an act without an outcome there is unknown, and so is one whose database went away meanwhile.
"""

import argparse
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from django.contrib.auth import get_user_model
from django.db import InterfaceError, OperationalError, connections, transaction

from posts.models import Post
from tests.faults.journal import COMMITTED, TAKEN_BACK, UNKNOWN, Journal

AUTHOR = "author"
# How often each act comes: 30 % of transactions and 10 % of savepoints are taken back.
WEIGHTS = {
    "delete": 20,
    "delete_in_a_transaction": 15,
    "delete_many": 10,
    "delete_with_a_failing_callback": 10,
    "fail_after_a_delete": 15,
    "fail_in_a_handler_of_another_delete": 5,
    "take_back_by_hand": 10,
    "take_a_savepoint_back": 10,
    "delete_beside_a_savepoint_taken_back": 5,
}
LARGEST = 5  # posts in one act


class TakenBack(Exception):
    """Raised by an act to roll its own transaction back."""


class Acts:
    """Each is given posts of its own and returns the titles of those that are gone for good."""

    def delete(self, posts: list[Post]) -> list[str]:
        posts[0].delete()
        return [posts[0].title]

    def delete_in_a_transaction(self, posts: list[Post]) -> list[str]:
        with transaction.atomic():
            return self.delete(posts)

    def delete_many(self, posts: list[Post]) -> list[str]:
        Post.objects.filter(pk__in=[post.pk for post in posts]).delete()
        return [post.title for post in posts]

    def delete_with_a_failing_callback(self, posts: list[Post]) -> list[str]:
        """Somebody else's callback raises after the commit, before the bell's is called."""
        try:
            with transaction.atomic():
                transaction.on_commit(_fail)
                gone = self.delete(posts)
        except TakenBack:
            return gone
        raise AssertionError("the callback did not raise")

    def fail_after_a_delete(self, posts: list[Post]) -> list[str]:
        try:
            with transaction.atomic():
                posts[0].delete()
                raise TakenBack
        except TakenBack:
            return []

    def fail_in_a_handler_of_another_delete(self, posts: list[Post]) -> list[str]:
        """A handler deletes a row of its own and raises: the outer delete is taken back as well."""

        def handler(instance: Post, **kwargs: Any) -> None:
            if instance.title == posts[0].title:
                posts[-1].delete()
                raise TakenBack

        from django.db.models.signals import pre_delete

        pre_delete.connect(handler, sender=Post)
        try:
            posts[0].delete()
        except TakenBack:
            return []
        finally:
            pre_delete.disconnect(handler, sender=Post)
        raise AssertionError("the handler did not raise")

    def take_back_by_hand(self, posts: list[Post]) -> list[str]:
        with transaction.atomic():
            posts[0].delete()
            transaction.set_rollback(True)
        return []

    def take_a_savepoint_back(self, posts: list[Post]) -> list[str]:
        with transaction.atomic():
            savepoint = transaction.savepoint()
            posts[0].delete()
            transaction.savepoint_rollback(savepoint)
        return []

    def delete_beside_a_savepoint_taken_back(self, posts: list[Post]) -> list[str]:
        with transaction.atomic():
            gone = self.delete(posts)
            try:
                with transaction.atomic():
                    posts[-1].delete()
                    raise TakenBack
            except TakenBack:
                return gone


def _fail() -> None:
    raise TakenBack


def rest(seconds: float) -> None:
    """No `time.sleep`: it fails in a process whose clock libfaketime sets wrong."""
    threading.Event().wait(seconds)


class Writer:
    def __init__(self, *, name: str, journal: Journal, seed: str, pause: float, weights: dict[str, int]) -> None:
        self.name = name
        self.journal = journal
        self.seed = seed
        self.pause = pause
        self.weights = weights
        self._acts = Acts()

    def run(self, acts: int, *, ahead: bool = False) -> None:
        """`ahead`, the posts of all acts are made before the first act."""
        begin = len(self.journal.read())
        if ahead:
            titles = [title for number in range(begin, acts) for title in self._plan(number)[2]]
            self._patiently(partial(self._make, titles))
        for number in range(begin, acts):
            chance, kind, titles = self._plan(number)
            posts = self._patiently(partial(self._make, titles))
            if chance.random() < 0.5:
                rest(chance.random() * self.pause * 2)
            self.journal.intend(kind, titles)
            try:
                gone = getattr(self._acts, kind)(posts)
            except (OperationalError, InterfaceError) as error:
                if "locked" in str(error):
                    raise  # SQLite's patience is the product's own affair
                self.journal.settle(UNKNOWN, titles)
                connections.close_all()
            else:
                self.journal.settle(COMMITTED if gone else TAKEN_BACK, gone)
            if chance.random() >= 0.5:
                rest(chance.random() * self.pause * 2)

    def _plan(self, number: int) -> tuple[random.Random, str, list[str]]:
        chance = random.Random(f"{self.seed} {self.name} {number}")
        kind = chance.choices(list(self.weights), list(self.weights.values()))[0]
        titles = [f"{self.name} {number}.{place}" for place in range(1 + chance.randrange(1, LARGEST))]
        return chance, kind, titles

    def _make(self, titles: list[str]) -> list[Post]:
        """Posts for one act. Made in bulk, which sends no signals; made once, for this may be a second try."""
        author = get_user_model().objects.get(username=AUTHOR)
        there = set(Post.objects.filter(title__in=titles).values_list("title", flat=True))
        Post.objects.bulk_create([Post(title=title, author=author) for title in titles if title not in there])
        return list(Post.objects.filter(title__in=titles).order_by("pk"))

    def _patiently(self, work: Callable[[], list[Post]], seconds: float = 60) -> list[Post]:
        until = time.monotonic() + seconds
        while True:
            try:
                return work()
            except (OperationalError, InterfaceError):
                connections.close_all()
                if time.monotonic() > until:
                    raise
                rest(0.1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--acts", type=int, required=True)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two acts, on the average")
    parser.add_argument("--only", default="", help="the acts to do, by name, commas between; default: all")
    parser.add_argument("--ahead", action="store_true", help="make the posts of all acts before the first act")
    options = parser.parse_args()
    only = options.only.split(",") if options.only else list(WEIGHTS)
    writer = Writer(
        name=options.name,
        journal=Journal(options.journal),
        seed=options.seed,
        pause=options.pause,
        weights={name: WEIGHTS[name] for name in only},
    )
    writer.run(options.acts, ahead=options.ahead)


if __name__ == "__main__":
    main()
