import asyncio
import signal

import pytest

from consumers.drain import Drain


@pytest.fixture
def heard():
    """The signals that a server, whose handler stands behind the drain's, is given."""
    numbers = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
async def may_end():
    return asyncio.Event()


@pytest.fixture
async def drain(heard, may_end):
    drain = Drain(may_end.wait)
    drain.watch()
    yield drain
    drain.leave()


async def test_the_server_hears_the_first_signal_after_the_drain(drain, heard, may_end):
    signal.raise_signal(signal.SIGTERM)
    await asyncio.sleep(0.05)
    assert heard == []
    may_end.set()
    await asyncio.sleep(0.05)
    assert heard == [signal.SIGTERM]


async def test_the_server_hears_the_second_signal_at_once_though_the_loop_is_stuck(drain, heard):
    signal.raise_signal(signal.SIGTERM)
    assert heard == []
    signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]


async def test_a_drain_that_ends_after_the_server_gave_the_signals_back_ends_nobody(drain, heard, may_end):
    signal.raise_signal(signal.SIGTERM)
    await asyncio.sleep(0.05)
    drain.leave()
    may_end.set()
    await asyncio.sleep(0.05)
    assert heard == []
