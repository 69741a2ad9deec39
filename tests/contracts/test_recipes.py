"""The three recipes of docs and design, carried out in a copy of the site: one class or one file each, no more."""

import os
import shutil
import subprocess

import pytest

from tests.servers.environment import PYTHON, ROOT, environment_of_a_process

CODE = ("manage.py", "realtime", "accounts", "posts", "alerts", "consumers", "templates", "static")

EVENT = '''

@alert_on(post_save, sender=Post)
class PostEdited(ModelEvent):
    """Somebody changed a post."""

    kind = "post.edited"
    transports = ("pigeon",)
    title = "'{title}' was edited"

    def applies(self, post, created):
        return not created

    def snapshot(self, post):
        return {"title": post.title}
'''
TRANSPORT = '''"""Alerts by pigeon: each is a line in a file."""

from pathlib import Path

from .base import Session, Transport


class Loft(Session):
    def send(self, delivery, recipient):
        with Path("pigeons").open("a") as lines:
            lines.write(f"{delivery.address} {delivery.alert.title}\\n")

    def close(self):
        pass


class Pigeon(Transport):
    name = "pigeon"

    def address(self, user):
        return f"loft-of-{user.get_username()}"

    def open(self):
        return Loft()
'''
COMMAND = """

class Wave(Command):
    type = "wave"

    async def run(self, feed, fields):
        feed.say("hello")
"""
USE = """
from accounts.models import User
from alerts.models import Alert
from posts.models import Post
from consumers.commands import parse
ada = User.objects.create_user("ada", is_staff=True)
post = Post.objects.create(title="First", author=ada)
post.save()
print(Alert.objects.get(kind="post.edited").title)
print(type(parse('{"type": "wave"}')[0]).__name__)
"""


@pytest.fixture
def manage(tmp_path):
    """A copy of the site's code with its own database; runs `manage.py` there."""
    for name in CODE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, tmp_path)
    environment = environment_of_a_process(DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}")

    def manage(*arguments):
        done = subprocess.run(
            [PYTHON, "manage.py", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return manage


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def test_an_event_a_transport_and_a_command_are_one_class_or_file_each_and_found_by_themselves(tmp_path, manage):
    append(tmp_path / "posts" / "alerts.py", EVENT)
    (tmp_path / "alerts" / "transports" / "pigeon.py").write_text(TRANSPORT)
    append(tmp_path / "consumers" / "commands.py", COMMAND)
    manage("check", "--fail-level=WARNING")
    manage("migrate", "--verbosity=0")
    printed = manage("shell", "--no-imports", "--command", USE).split(os.linesep)
    assert printed[-3:-1] == ["'First' was edited", "Wave"]
    manage("relay", "--once")
    assert (tmp_path / "pigeons").read_text() == "loft-of-ada 'First' was edited\n"


def test_a_mistake_in_an_event_is_found_at_start_with_its_name_and_the_cure(tmp_path, manage):
    append(tmp_path / "posts" / "alerts.py", EVENT)
    with pytest.raises(AssertionError, match=r"PostEdited: there is no transport 'pigeon'(?s:.*)Name one of email"):
        manage("check")
