import asyncio
import logging

import pytest

from accounts.models import User
from alerts.events import muted
from alerts.outbox import record
from alerts.relay.bell import bell
from consumers.pool import people_lane


@pytest.fixture
def log(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("consumers"), "propagate", True)
    caplog.set_level(logging.INFO, "consumers")
    return caplog


def write(key: str, count: int = 1) -> None:
    for number in range(count):
        record(kind="test.service", audience=key, title=f"Alert {number}")
    bell.number_all()


async def test_one_connection_too_many_of_a_user_is_refused_and_the_others_go_on(browse, ann, settings, log):
    settings.ALERTS = settings.ALERTS | {"SOCKETS_PER_USER": 2}
    first, _, third = [await browse(ann) for _ in range(3)]
    await third.until(lambda: third.code is not None)
    assert third.code == 4509
    assert third.frames == [{"type": "bye", "reason": "too_many_connections", "retry_after": 0.0}]
    assert f"limit: too_many_connections user={ann.pk} ip=203.0.113.7" in log.text
    await people_lane(write, f"user:{ann.pk}")
    await first.until(lambda: first.frames[-1]["type"] == "alerts")
    with muted():
        bea = await people_lane(User.objects.create_user, "bea")
    assert (await browse(bea)).frames[0]["type"] == "hello"


async def test_a_full_process_sends_the_next_one_elsewhere(browse, ann, settings):
    settings.ALERTS = settings.ALERTS | {"SOCKETS": 1}
    first, second = await browse(ann), await browse(ann)
    await second.until(lambda: second.code is not None)
    assert (first.code, second.code) == (None, 4013)
    assert second.frames[-1]["retry_after"] > 0


async def test_a_socket_that_left_makes_room(browse, ann, settings, service):
    settings.ALERTS = settings.ALERTS | {"SOCKETS": 1}
    first = await browse(ann)
    await first.leave()
    assert service.readers == {}
    assert (await browse(ann)).frames[0]["type"] == "hello"


async def test_a_window_full_for_too_long_is_closed_with_4009(browse, ann, settings, monkeypatch, log):
    monkeypatch.setattr("consumers.service.PATIENCE", 0.5)
    settings.ALERTS = settings.ALERTS | {"WINDOW": 2}
    browser = await browse(ann)
    await people_lane(write, f"user:{ann.pk}", 5)
    await browser.until(lambda: browser.code is not None)
    assert browser.code == 4009
    assert browser.frames[-1]["reason"] == "never_acknowledged"
    assert sum(len(frame.get("alerts", ())) for frame in browser.frames) == 2
    assert f"close: never_acknowledged user={ann.pk}" in log.text


async def test_a_window_that_is_acknowledged_is_never_closed(browse, ann, settings, monkeypatch):
    monkeypatch.setattr("consumers.service.PATIENCE", 0.5)
    settings.ALERTS = settings.ALERTS | {"WINDOW": 2}
    browser = await browse(ann)
    for _ in range(4):
        await people_lane(write, f"user:{ann.pk}", 2)
        await asyncio.sleep(0.4)
        position = [frame for frame in browser.frames if frame["type"] == "alerts"][-1]["position"]
        browser.say(type="ack", position=position, seen=True)
    await asyncio.sleep(1.2)
    assert browser.code is None
    assert sum(len(frame.get("alerts", ())) for frame in browser.frames) == 8
