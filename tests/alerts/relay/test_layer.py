import asyncio
import threading

import pytest
from channels.layers import channel_layers, get_channel_layer

from alerts.relay import layer as module
from alerts.relay.layer import GROUP, Layer
from tests.servers.ports import free_port


@pytest.fixture
def layer():
    own = Layer()
    yield own
    own.close()


@pytest.fixture
def use(settings):
    """Sets the channel layer for the time of a test."""
    known = dict(channel_layers.backends)

    def use(layer):
        channel_layers.backends.clear()
        settings.CHANNEL_LAYERS = {"default": layer} if layer else {}

    yield use
    channel_layers.backends.clear()
    channel_layers.backends.update(known)


IN_MEMORY = {"BACKEND": "channels.layers.InMemoryChannelLayer"}


def redis_layer(url):
    hosts = [{"address": url, "socket_connect_timeout": 1}]
    return {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": hosts}}


def test_without_a_layer_or_a_listener_nothing_is_sent(use, layer):
    use(None)
    assert layer.send({}) is False
    use(IN_MEMORY)
    assert layer.send({}) is False
    assert not layer.is_down


async def test_a_thread_sends_through_the_servers_loop(use, layer):
    use(IN_MEMORY)
    layer.serve(asyncio.get_running_loop())
    channels = get_channel_layer()
    await channels.group_add(GROUP, "reader")
    assert await asyncio.to_thread(layer.send, {"epoch": "e"}) is True
    assert await channels.receive("reader") == {"type": "alerts.message", "v": 1, "epoch": "e"}
    layer.leave()
    assert await asyncio.to_thread(layer.send, {}) is False


def test_a_process_without_a_server_sends_to_redis_from_a_loop_of_its_own(use, layer, shared_redis):
    use(redis_layer(shared_redis.url))
    assert layer.send({"epoch": "e"}) is True
    assert layer.send({"epoch": "f"}) is True


def test_a_layer_out_of_reach_is_asked_once_and_then_left_alone_for_five_seconds(use, layer, log, monkeypatch):
    use(redis_layer(f"redis://127.0.0.1:{free_port()}"))
    seconds = [100.0]
    monkeypatch.setattr("alerts.relay.layer.time.monotonic", lambda: seconds[0])
    assert layer.send({}) is False
    assert layer.is_down
    assert log.text.count("Delivery goes on from the log") == 1
    monkeypatch.setattr(module, "get_channel_layer", None)
    assert layer.send({}) is False, "nobody asks it"
    seconds[0] += 4.9
    assert layer.is_down
    seconds[0] += 0.2
    assert not layer.is_down


async def test_a_layer_that_hangs_holds_nobody_up_longer_than_the_limit(use, layer, monkeypatch):
    use(IN_MEMORY)
    monkeypatch.setattr(module, "LIMIT", 0.1)
    layer.serve(asyncio.get_running_loop())
    channels = get_channel_layer()

    async def hang(group, message):
        await asyncio.sleep(60)

    monkeypatch.setattr(channels, "group_send", hang)
    assert await asyncio.to_thread(layer.send, {}) is False
    assert layer.is_down


def test_each_thread_closes_its_own_loop(use, layer, shared_redis):
    use(redis_layer(shared_redis.url))
    sent = []

    def work():
        sent.append(layer.send({}))
        layer.close()
        layer.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sent == [True, True]
