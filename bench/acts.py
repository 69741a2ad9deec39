"""What a row does to a site's database, timed inside one process of the site: saves, deletes, registrations, mails."""

import itertools
import time
from collections.abc import Callable
from typing import Any

from django.core.mail import send_mail
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.alerts import UserRegistered, Welcome
from accounts.models import User
from alerts.models import Alert
from alerts.outbox import record
from alerts.relay.bell import bell
from alerts.relay.layer import layer
from bench.writer import BODY, title
from posts.alerts import PostDeletion, PostPublished
from posts.models import Post

PASSWORD = "correct-horse-battery-staple"
_names = itertools.count()


def cost(act: Callable[[], Any]) -> dict[str, float]:
    """`wall` and `cpu` of an act, in seconds; `cpu` is that of this whole process, its bell included."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def author() -> User:
    return User.objects.get_or_create(username="author", defaults={"password": "!"})[0]


def delete_posts(count: int, *, has_alert: bool) -> dict[str, float]:
    """`delete()` of `count` posts; `alerts` is how many alerts came of it."""
    writer = author()
    Post.objects.bulk_create(
        [Post(title=f"Post {number}", body=BODY, author=writer) for number in range(count)], batch_size=1000
    )
    PostDeletion.connect() if has_alert else PostDeletion.disconnect()
    before = Alert.objects.count()
    found = cost(lambda: Post.objects.all().delete())
    return found | {"alerts": Alert.objects.count() - before}


def save_posts(count: int, *, has_alert: bool, pause: float = 0.0) -> dict[str, float]:
    """`save()` of `count` new posts, each in a transaction of its own; `queries` are those of one.

    With a `pause` between two (seconds), the bell of this process is at rest again when the next begins; the pauses do
    not count, and `cpu` is that of the saving thread alone.
    """
    writer = author()
    PostPublished.connect() if has_alert else PostPublished.disconnect()

    def save(number: int) -> None:
        post = Post(title=f"Post {number}", body=BODY, author=writer)
        with transaction.atomic():
            post.save()

    save(0)
    with CaptureQueriesContext(connection) as captured:
        save(0)
    wall = cpu = 0.0
    for number in range(count):
        time.sleep(pause)
        began, began_cpu = time.perf_counter(), time.thread_time()
        save(number)
        wall, cpu = wall + time.perf_counter() - began, cpu + time.thread_time() - began_cpu
    return {"cpu": cpu, "wall": wall, "queries": len(captured)}


def number_alerts(count: int) -> dict[str, float]:
    """Number and publish `count` alerts that are committed already, as a relay does."""
    now = timezone.now()
    Alert.objects.bulk_create(
        [
            Alert(kind="bench.alert", audience="staff", title=title(), body=BODY, created=now, expanded_at=now)
            for _ in range(count)
        ],
        batch_size=500,
    )
    found = cost(bell.number_all)
    assert not layer.is_down, "the layer is down: nothing was published"
    return found


def register(count: int, *, has_mail: bool) -> dict[str, float]:
    """`count` registrations through the page's own view, password and all."""
    UserRegistered.connect()
    Welcome.connect() if has_mail else Welcome.disconnect()

    def register_all() -> None:
        for _ in range(count):
            name = f"new{next(_names)}"
            fields = {"username": name, "email": f"{name}@example.org", "password1": PASSWORD, "password2": PASSWORD}
            answer = Client().post("/accounts/register/", fields)
            assert answer.status_code == 302, answer.content

    return cost(register_all)


def welcome(count: int) -> None:
    """Welcome mails of `count` new users, committed and waiting for a relay."""
    names = [f"new{next(_names)}" for _ in range(count)]
    with transaction.atomic():
        users = User.objects.bulk_create(
            [User(username=name, email=f"{name}@example.org", password="!") for name in names], batch_size=500
        )
        for user in users:
            words = {"username": user.username}
            record(kind=Welcome.kind, audience=f"user:{user.pk}", title=f"Welcome, {user.username}!", data=words)


def send_one_by_one(count: int) -> dict[str, float]:
    """The same mails by `send_mail`, each when the last is through, rendered from the same templates."""

    def send_all() -> None:
        for number in range(count):
            name = f"user{number}"
            alert = Alert(kind=Welcome.kind, title=f"Welcome, {name}!", body=Welcome.body)
            context = {
                "alert": alert,
                "data": {"username": name},
                "site_name": "Alerts",
                "site_url": "http://127.0.0.1",
            }
            subject, text, html = (render_to_string(f"mail/{Welcome.kind}/{part}", context) for part in PARTS)
            send_mail(" ".join(subject.split()), text, None, [f"{name}@example.org"], html_message=html)

    return cost(send_all)


PARTS = ("subject.txt", "body.txt", "body.html")
