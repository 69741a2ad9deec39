"""What the log must hold because of the demo's own acts, and what it does hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import Max

from alerts.models import Alert
from posts.models import Post

Entry = tuple[str, frozenset[str]]  # kind, keys of the rows it tells of
USER_KINDS = ("user.registered", "user.welcome")
POST_KINDS = ("post.published", "post.deletion")


class Ledger:
    def __init__(self) -> None:
        self._since = Alert.objects.aggregate(last=Max("seq"))["last"] or 0
        self._expected: Counter[Entry] = Counter()
        self._users: set[str] = set()
        self._posts: set[str] = set()
        self._deleted: set[str] = set()

    def registered(self, user: Any) -> None:
        self._users.add(str(user.pk))
        for kind in USER_KINDS:
            self._expected[kind, frozenset([str(user.pk)])] += 1

    def published(self, post: Any) -> None:
        self._posts.add(str(post.pk))
        self._expected["post.published", frozenset([str(post.pk)])] += 1

    def deleted(self, keys: Iterable[int]) -> None:
        """One act, however many rows it had."""
        rows = frozenset(map(str, keys))
        self._deleted |= rows
        self._expected["post.deletion", rows] += 1

    @property
    def expected(self) -> int:
        return self._expected.total()

    def found(self) -> Counter[Entry]:
        """The alerts of this demo's people and posts; others may be at work on the site, and on these, as well."""
        found: Counter[Entry] = Counter()
        kept = self._posts - self._deleted
        removed = kept - {str(key) for key in Post.objects.filter(pk__in=kept).values_list("pk", flat=True)}
        alerts = Alert.objects.filter(seq__gt=self._since, kind__in=(*USER_KINDS, *POST_KINDS))
        for kind, subjects in alerts.values_list("kind", "subjects"):
            keys = frozenset(subject["pk"] for subject in subjects)
            is_others = kind == "post.deletion" and keys & removed
            if not is_others and keys & (self._users if kind in USER_KINDS else self._posts):
                found[kind, keys] += 1
        return found

    def differences(self) -> list[str]:
        """In words; empty when every alert is accounted for."""
        found = self.found()
        lost = [f"lost: {_words(entry)}" for entry in (self._expected - found).elements()]
        return lost + [f"false or twice: {_words(entry)}" for entry in (found - self._expected).elements()]


def _words(entry: Entry) -> str:
    kind, keys = entry
    return f"{kind} of {', '.join(sorted(keys))}"
