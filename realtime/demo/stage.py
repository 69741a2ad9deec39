"""The acts. Each is one transaction or one page request, so that an end at any time leaves nothing half done."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from django.db import transaction

from accounts.models import User
from posts.models import Post

from .ledger import Ledger
from .pages import Browser, PageError
from .words import BODIES, NAMES, TITLES

MARK = re.compile(r"\.demo(\d+)\.")
MOST_PEOPLE, MOST_POSTS = 12, 25
WEIGHTS = {"register": 3, "publish": 7, "edit": 2, "delete": 4, "bulk delete": 1, "take back": 1}


@dataclass
class Person:
    user: User
    password: str
    browser: Browser
    posts: list[Post] = field(default_factory=list)


class Stage:
    """The people of one run and what they have written. `random` decides everything; `url` is "" without a server."""

    def __init__(self, random: Random, url: str) -> None:
        self.random = random
        self.url = url
        self.ledger = Ledger()
        self.people: list[Person] = []
        self.done: Counter[str] = Counter()
        self._run = next_run()
        self._names = self._titles = 0

    @property
    def posts(self) -> list[Post]:
        return [post for person in self.people for post in person.posts]

    def act(self) -> str:
        """Do one thing, and say what it was."""
        self._look_around()
        name = self._choose()
        by_page = self.random.random() < 0.5
        words = self._deeds[name](self, bool(self.url) and by_page)
        self.done[name] += 1
        return words

    def _look_around(self) -> None:
        """Whoever watches may have removed a post or a person: the story goes on without."""
        users = set(User.objects.filter(pk__in=[p.user.pk for p in self.people]).values_list("pk", flat=True))
        posts = set(Post.objects.filter(pk__in=[post.pk for post in self.posts]).values_list("pk", flat=True))
        self.people = [person for person in self.people if person.user.pk in users]
        for person in self.people:
            person.posts = [post for post in person.posts if post.pk in posts]

    def _choose(self) -> str:
        posts = len(self.posts)
        possible = dict(WEIGHTS)
        if len(self.people) >= MOST_PEOPLE:
            del possible["register"]
        if not self.people:
            return "register"
        if posts >= MOST_POSTS:
            del possible["publish"]
        for name, least in (("edit", 1), ("delete", 1), ("take back", 1), ("bulk delete", 4)):
            if posts < least:
                del possible[name]
        return self.random.choices(list(possible), weights=list(possible.values()))[0]

    def _register(self, by_page: bool) -> str:
        self._names += 1
        username = f"{self.random.choice(NAMES)}.demo{self._run}.{self._names}"
        # Not of the seed, which is told: nobody is to sign in as one of them.
        email, password = f"{username}@example.org", secrets.token_urlsafe()
        browser = Browser(self.url)
        if by_page:
            self._by_page(lambda: browser.register(username, email, password))
            user = User.objects.get(username=username)
        else:
            user = User.objects.create_user(username, email, password)
        self.ledger.registered(user)
        self.people.append(Person(user, password, browser))
        return f"{username} registered{_where(by_page)}"

    def _publish(self, by_page: bool) -> str:
        person = self.random.choice(self.people)
        self._titles += 1
        title = f"{self.random.choice(TITLES)} ({self._run}.{self._titles})"
        body = self.random.choice(BODIES)
        if by_page:
            self._submit(person, "/posts/new/", title=title, body=body)
            post = Post.objects.get(author=person.user, title=title)
        else:
            post = Post.objects.create(author=person.user, title=title, body=body)
        self.ledger.published(post)
        person.posts.append(post)
        return f"{person.user.username} published “{title}”{_where(by_page)}"

    def _edit(self, by_page: bool) -> str:
        person, post = self._any_post()
        body = self.random.choice(BODIES)
        if by_page:
            self._submit(person, f"/posts/{post.pk}/edit/", title=post.title, body=body)
        else:
            post.body = body
            post.save()
        return f"{person.user.username} edited “{post.title}”{_where(by_page)}"

    def _delete(self, by_page: bool) -> str:
        person, post = self._any_post()
        key = post.pk
        try:
            if by_page:
                self._submit(person, f"/posts/{key}/delete/")
            else:
                Post.objects.get(pk=key).delete()
        finally:
            # A server that dies may have done it, and be unable to say so.
            if not Post.objects.filter(pk=key).exists():
                person.posts.remove(post)
                self.ledger.deleted([key])
        return f"{person.user.username} deleted “{post.title}”{_where(by_page)}"

    def _delete_many(self, by_page: bool) -> str:
        chosen = self.random.sample(self.posts, self.random.randint(3, min(len(self.posts), 9)))
        keys = [post.pk for post in chosen]
        Post.objects.filter(pk__in=keys).delete()
        for person in self.people:
            person.posts = [post for post in person.posts if post.pk not in keys]
        self.ledger.deleted(keys)
        return f"{len(keys)} posts were deleted at once"

    def _take_back(self, by_page: bool) -> str:
        """A delete that is rolled back: nobody may ever see an alert of it."""
        _, post = self._any_post()
        with transaction.atomic():
            Post.objects.get(pk=post.pk).delete()
            transaction.set_rollback(True)
        return f"the deletion of “{post.title}” was taken back: no alert"

    _deeds: dict[str, Callable[[Stage, bool], str]] = {
        "register": _register,
        "publish": _publish,
        "edit": _edit,
        "delete": _delete,
        "bulk delete": _delete_many,
        "take back": _take_back,
    }

    def _any_post(self) -> tuple[Person, Post]:
        post = self.random.choice(self.posts)
        return next(person for person in self.people if post in person.posts), post

    def _submit(self, person: Person, path: str, **fields: str) -> None:
        def submit() -> None:
            person.browser.sign_in(person.user.username, person.password)
            person.browser.submit(path, **fields)

        self._by_page(submit)

    def _by_page(self, request: Callable[[], None]) -> None:
        try:
            request()
        except OSError as error:
            self.url = ""
            raise PageError(f"{error}. From here on through the models alone.") from error


def next_run() -> int:
    """The number of this run: no name of an earlier one comes again."""
    names = User.objects.filter(username__contains=".demo").values_list("username", flat=True)
    return max((int(mark[1]) for name in names if (mark := MARK.search(name))), default=0) + 1


def clean() -> tuple[int, int]:
    """Remove the people and posts of all demos, one bulk act each. Gives how many posts and people that were."""
    people = User.objects.filter(username__regex=MARK.pattern)
    posts = Post.objects.filter(author__in=people)
    count = posts.count(), people.count()
    with transaction.atomic():
        posts.delete()
        people.delete()
    return count


def _where(by_page: bool) -> str:
    return " on the site" if by_page else ""
