import datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.checks import run_checks
from django.db.models.signals import post_save
from django.dispatch import Signal

from alerts import checks
from alerts.events import ModelEvent, SignalEvent, alert_on
from alerts.kinds import declared
from posts.models import Post


def found(check):
    return {message.id: message for message in check(None)}


def test_this_site_has_nothing_to_complain_of(is_postgres):
    assert [message for message in run_checks() if message.id and message.id.startswith("alerts.")] == []


@pytest.mark.parametrize(
    ("values", "number", "hint"),
    [
        ({"NOTHING": 1}, "alerts.W001", "Remove them."),
        ({"RELAY": "perhaps"}, "alerts.E001", "Set it to thread or off."),
        ({"WINDOW": 0}, "alerts.E002", "Set 1 to 100000 alerts."),
        ({"HEARTBEAT": 0}, "alerts.E003", "Set 1 to 3600 s."),
        ({"TRUSTED_PROXY": ["a.example"]}, "alerts.E005", "an address or a network"),
        ({"ORIGINS": ["*"]}, "alerts.E004", "without a path or wildcard"),
        ({"ORIGINS": ["https://a.example/path"]}, "alerts.E004", "without a path or wildcard"),
        ({"ORIGINS": ["a.example"]}, "alerts.E004", "without a path or wildcard"),
    ],
)
def test_a_wrong_setting_is_found_with_a_hint(settings, values, number, hint):
    settings.ALERTS = {**settings.ALERTS, **values}
    messages = found(checks.check_settings)
    assert list(messages) == [number]
    assert hint in messages[number].hint


def test_right_settings_and_none_at_all_are_fine(settings):
    settings.ALERTS = {"ORIGINS": ["https://a.example", "http://b.example:8000"], "RELAY": "off"}
    assert found(checks.check_settings) == {}
    del settings.ALERTS
    assert found(checks.check_settings) == {}


REDIS = "channels_redis.pubsub.RedisPubSubChannelLayer"


@pytest.mark.parametrize(
    ("layers", "numbers"),
    [
        ({}, ["alerts.E010"]),
        ({"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}}, ["alerts.W010"]),
        (
            {"default": {"BACKEND": REDIS, "CONFIG": {"hosts": [{"address": "x", "socket_timeout": 5}]}}},
            ["alerts.E011"],
        ),
        ({"default": {"BACKEND": REDIS, "CONFIG": {"hosts": [{"address": "x", "socket_timeout": 15}]}}}, []),
        ({"default": {"BACKEND": REDIS, "CONFIG": {"hosts": ["redis://x", ("x", 6379)]}}}, []),
        ({"default": {"BACKEND": REDIS}}, []),
        ({"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}, []),
    ],
)
def test_a_layer_that_would_lose_messages_is_found(settings, layers, numbers):
    settings.CHANNEL_LAYERS = layers
    assert list(found(checks.check_layer)) == numbers


def test_sqlite_transactions_that_are_not_immediate_are_found(monkeypatch, is_postgres):
    from django.db import connections

    if is_postgres:
        assert found(checks.check_database) == {}
        return
    monkeypatch.setitem(connections["default"].settings_dict, "OPTIONS", {})
    assert "IMMEDIATE" in found(checks.check_database)["alerts.W020"].hint


def test_an_unknown_transport_is_found_with_the_class_and_the_file_to_add():
    class Pigeon(ModelEvent):
        kind = "test.pigeon"
        transports = ("pigeon",)
        title = "x"

    [message] = checks.check_declaration(Pigeon)
    assert (message.id, message.obj) == ("alerts.E030", Pigeon)
    assert message.msg.endswith("Pigeon: there is no transport 'pigeon'.")
    assert "alerts/transports/pigeon.py" in str(message.hint)


def explode(*_):
    raise LookupError


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (lambda self, row: {"when": datetime.date(2026, 1, 1)}, "'when' holds a value of type date"),
        (lambda self, row: {"author": row.author}, "'author' holds a value of type User"),
        (lambda self, row: {"deep": {"row": object()}}, "'deep' holds a value of type object"),
        (lambda self, row: ["x"], "it gives list, not a dictionary"),
        (lambda self, row: None, "it gives NoneType, not a dictionary"),
    ],
)
def test_a_snapshot_that_is_no_json_is_found_with_the_class_and_the_cure(snapshot, words):
    Wrong = type("Wrong", (ModelEvent,), {"kind": "test.wrong", "title": "x", "snapshot": snapshot})  # noqa: N806
    alert_on(post_save, sender=Post)(Wrong)
    [message] = checks.check_declaration(Wrong)
    assert message.id == "alerts.E031"
    assert words in message.msg
    assert "Wrong.snapshot give texts, numbers, lists" in str(message.hint)


@pytest.mark.parametrize(
    "snapshot",
    [
        lambda self, post: {"title": post.title, "author": post.author.get_username(), "n": float("nan")},
        lambda self, post: {"others": Post.objects.count()},
        explode,
    ],
)
def test_a_snapshot_that_is_json_or_needs_a_real_row_is_not_complained_of(snapshot):
    Right = type("Right", (ModelEvent,), {"kind": "test.right", "title": "x", "snapshot": snapshot})  # noqa: N806
    alert_on(post_save, sender=Post)(Right)
    assert checks.check_declaration(Right) == []


def test_declarations_that_are_bound_to_nothing_or_to_own_signals_are_fine():
    @alert_on(Signal())
    class Sent(SignalEvent):
        kind = "test.sent"
        title = "x"

    class Unbound(ModelEvent):
        kind = "test.unbound"
        title = "x"

    assert checks.check_declaration(Sent) == checks.check_declaration(Unbound) == []
    assert found(checks.check_declarations) == {}
    assert {"test.sent", "test.unbound"} <= set(declared)


def test_a_made_up_row_has_its_relations_and_is_never_saved():
    post: Any = checks.sample(Post)
    assert (post.title, post.pk, post.author.get_username()) == ("sample", 1, "sample")
    assert post._state.adding
    assert str(checks.sample(Group)) == "sample"
