import doctest
import logging
import re
import sys
from importlib import import_module
from typing import Any, NamedTuple

import pytest
from django.contrib.auth import signals as auth
from django.core import signals as core
from django.db.backends import signals as database
from django.db.models import signals as model
from django.dispatch import Signal

from accounts.models import User
from alerts.actors import process_actor
from posts.models import Post, Tag
from tests.servers.environment import ROOT

GUIDE = (ROOT / "docs" / "signals.md").read_text()
MODULES = (auth, core, database, model)


class Block(NamedTuple):
    language: str
    file: str
    text: str
    line: int  # of its first line in the guide, from 1


def blocks() -> list[Block]:
    fences = re.finditer(r"(?:^In `(\S+)`:\n\n)?^```(\w+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    return [Block(fence[2], fence[1] or "", fence[3], GUIDE.count("\n", 0, fence.start(3)) + 1) for fence in fences]


def signals_of(module) -> set[str]:
    return {name for name, value in vars(module).items() if isinstance(value, Signal)}


class Terminal(logging.Handler):
    """The log where a shell shows it, without the time."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stdout.write(f"{record.levelname} {record.name}: {record.getMessage()}\n")


@pytest.fixture
def shell(monkeypatch):
    """As in `manage.py shell`: who acts is named so, and the log of the two apps is seen."""
    monkeypatch.setattr(sys, "argv", ["manage.py", "shell"])
    process_actor.cache_clear()
    terminal = Terminal()
    for name in ("posts", "accounts"):
        logging.getLogger(name).addHandler(terminal)
    yield
    for name in ("posts", "accounts"):
        logging.getLogger(name).removeHandler(terminal)
    process_actor.cache_clear()


@pytest.fixture
def receivers():
    """Which receivers each built-in signal has, asked anew each time; put back, should the guide fail half-way."""
    signals = {name: getattr(module, name) for module in MODULES for name in signals_of(module)}
    before = {name: [*signal.receivers] for name, signal in signals.items()}
    yield lambda: {name: {key for key, *_ in signal.receivers} for name, signal in signals.items()}
    for name, signal in signals.items():
        signal.receivers[:] = before[name]
        signal.sender_receivers_cache.clear()


def run(block: Block, namespace: dict[str, Any]) -> str:
    """What went wrong, or nothing."""
    if block.language == "python":
        exec(compile("\n" * (block.line - 1) + block.text, "docs/signals.md", "exec"), namespace)
        return ""
    test = doctest.DocTestParser().get_doctest(block.text, {}, "docs/signals.md", "docs/signals.md", block.line - 1)
    test.globs = namespace  # get_doctest makes a copy, and blocks go on from each other
    said: list[str] = []
    doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(test, out=said.append, clear_globs=False)
    return "".join(said)


@pytest.mark.django_db(transaction=True)
def test_the_guide_typed_into_a_shell_from_top_to_bottom_says_what_it_says(shell, receivers, settings):
    settings.EMAIL_BACKEND = settings.EMAIL_BACKEND  # the guide sets it: put back after the test
    before = receivers()
    namespace: dict[str, Any] = {"__name__": "__console__"}
    for block in blocks():
        if not block.file:
            said = run(block, namespace)
            assert not said, said
    assert receivers() == before, "the guide leaves a receiver connected"
    assert not any(kept.objects.exists() for kept in (User, Post, Tag)), "the guide does not clear away what it made"


@pytest.mark.parametrize("block", [block for block in blocks() if block.file], ids=lambda block: f"line {block.line}")
def test_a_block_under_the_name_of_a_file_stands_in_that_file(block):
    assert block.text in (ROOT / block.file).read_text()


def test_every_fence_is_a_block_that_one_of_these_tests_reads():
    assert GUIDE.count("```") == 2 * len(blocks())
    assert len(re.findall(r"^In `", GUIDE, re.MULTILINE)) == sum(bool(block.file) for block in blocks())
    assert {block.language for block in blocks()} == {"python", "pycon"}
    files = {block.file for block in blocks()}
    assert {"posts/signals.py", "posts/alerts.py", "accounts/signals.py", "accounts/alerts.py"} <= files


def test_the_table_names_every_built_in_signal_with_its_module():
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \|", GUIDE, re.MULTILINE)
    assert sorted(rows) == sorted((name, module.__name__) for module in MODULES for name in signals_of(module))
    for name, module in rows:
        assert isinstance(getattr(import_module(module), name), Signal)


def test_links_lead_to_files():
    for target in re.findall(r"\]\(([^)#:]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target
