import json

import pytest

from alerts.frames import Entry, entry
from alerts.models import Alert
from alerts.outbox import record
from alerts.relay import publishing
from alerts.relay.bell import bell
from alerts.relay.layer import Layer
from alerts.relay.publishing import LARGEST, messages


def made(position, size=100):
    return Entry(position, "staff", f"uid {position}", "x" * size, size)


def test_a_message_carries_the_frames_in_order_and_the_range():
    [message] = messages("e" * 22, [made(7), made(8)])
    assert (message["epoch"], message["first"], message["last"]) == ("e" * 22, 7, 8)
    assert message["frames"] == [[7, "staff", "uid 7", "x" * 100, 100], [8, "staff", "uid 8", "x" * 100, 100]]


def test_no_message_is_larger_than_64_kilobytes_and_none_is_left_out():
    entries = [made(position, 10_000) for position in range(1, 31)]
    sent = list(messages("e", entries))
    assert all(sum(frame[4] for frame in message["frames"]) <= LARGEST for message in sent)
    assert [frame[0] for message in sent for frame in message["frames"]] == list(range(1, 31))
    assert [message["first"] for message in sent[1:]] == [message["last"] + 1 for message in sent[:-1]]


def test_a_frame_that_is_too_large_by_itself_is_only_a_range():
    before, large, after = messages("e", [made(1), made(2, LARGEST + 1), made(3)])
    assert (large["first"], large["last"], large["frames"]) == (2, 2, [])
    assert [frame[0] for frame in before["frames"] + after["frames"]] == [1, 3]


def test_nothing_makes_no_message():
    assert list(messages("e", [])) == []


@pytest.mark.django_db(transaction=True)
def test_a_frame_is_what_the_log_holds_and_the_snapshot_stays_at_home():
    record(kind="test.sent", audience="staff", title="Grüße", data={"secret": "x"})
    bell.number_all()
    one = entry(Alert.objects.get())
    frame = json.loads(one.json)
    assert (frame["title"], frame["position"], frame["group"]) == ("Grüße", 1, None)
    assert frame["created"].endswith("Z")
    assert "data" not in frame
    assert one.size == len(one.json.encode())


@pytest.mark.django_db(transaction=True)
def test_numbering_goes_on_while_the_layer_is_down(monkeypatch, settings):
    layer = Layer()
    layer.failed(OSError("no Redis"))
    monkeypatch.setattr(publishing, "layer", layer)
    record(kind="test.sent", audience="staff", title="x")
    assert bell.number_all() == 1


@pytest.mark.django_db(transaction=True)
def test_a_layer_out_of_reach_is_marked_down_and_the_alert_is_numbered(monkeypatch, settings, log, unreachable_layer):
    record(kind="test.sent", audience="staff", title="x")
    layer = Layer()
    monkeypatch.setattr(publishing, "layer", layer)
    assert bell.number_all() == 1
    layer.close()
    assert layer.is_down
    assert "Delivery goes on from the log" in log.text


@pytest.fixture
def unreachable_layer(settings):
    """A Redis layer whose port nobody listens on."""
    from channels.layers import channel_layers

    from tests.servers.ports import free_port

    hosts = [{"address": f"redis://127.0.0.1:{free_port()}", "socket_connect_timeout": 1}]
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    known = dict(channel_layers.backends)
    channel_layers.backends.clear()
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": hosts}}}
    yield
    channel_layers.backends.clear()
    channel_layers.backends.update(known)
