import pytest
import redis as redis_client


def test_it_answers_on_its_own_port(redis):
    with redis.client() as client:
        client.set("key", "value")
        assert client.get("key") == b"value"
        assert redis.url == f"redis://127.0.0.1:{redis.port}/0"


def test_killed_it_is_gone_and_started_again_it_is_empty_on_the_same_port(redis):
    with redis.client() as client:
        client.set("key", "value")
    redis.kill()
    with redis.client() as client, pytest.raises(redis_client.ConnectionError):
        client.ping()
    redis.start()
    with redis.client() as client:
        assert client.get("key") is None


def test_paused_it_accepts_and_answers_nothing(redis):
    redis.pause()
    impatient = redis_client.Redis.from_url(redis.url, socket_timeout=0.2, retry=None)
    with impatient as client, pytest.raises(redis_client.TimeoutError):
        client.ping()
    redis.resume()
    with redis.client() as client:
        assert client.ping()
