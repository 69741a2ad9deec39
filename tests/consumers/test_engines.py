import logging

import pytest

from consumers.engines import CLOSED, FAULT, NOT_OPEN, dropping, quieten


def sending(error: Exception | None = None):
    sent = []

    async def send(message):
        if error is not None:
            raise error
        sent.append(message)

    return sent, dropping(send)


async def test_what_is_sent_arrives():
    sent, send = sending()
    await send({"type": "websocket.send", "text": "x"})
    assert sent == [{"type": "websocket.send", "text": "x"}]


@pytest.mark.parametrize(
    "error", [OSError(), ConnectionResetError(), RuntimeError(f"Unexpected ASGI message 'websocket.send', {CLOSED}.")]
)
async def test_what_is_sent_into_a_closed_socket_is_dropped(error):
    _, send = sending(error)
    await send({"type": "websocket.send", "text": "x"})


async def test_a_client_that_left_before_the_accept_is_no_mistake():
    async def send(message):
        if message["type"] == "websocket.send":
            raise RuntimeError(f"{NOT_OPEN} but got 'websocket.send'.")

    careful = dropping(send)
    with pytest.raises(RuntimeError):
        await careful({"type": "websocket.send", "text": "x"})
    await careful({"type": "websocket.accept"})
    await careful({"type": "websocket.send", "text": "x"})


@pytest.mark.parametrize("error", [RuntimeError("Expected ASGI message 'websocket.accept'"), ValueError()])
async def test_a_mistake_of_ours_is_not_hidden(error):
    _, send = sending(error)
    with pytest.raises(type(error)):
        await send({"type": "websocket.send", "text": "x"})


def test_a_text_that_is_no_utf8_is_one_line_in_the_log(caplog):
    quieten()
    quieten()
    logger = logging.getLogger("uvicorn.error")
    assert len(logger.filters) == 1
    caplog.set_level(logging.INFO, "uvicorn.error")
    try:
        b"\xff".decode()
    except UnicodeDecodeError:
        logger.exception(FAULT)
        logger.exception("Another fault")
    ours, another = caplog.records
    assert (ours.levelname, ours.exc_info) == ("INFO", None)
    assert another.exc_info is not None


def test_what_the_server_says_of_each_socket_is_not_said_twice(caplog):
    quieten()
    caplog.set_level(logging.INFO, "uvicorn.error")
    logger = logging.getLogger("uvicorn.error")
    logger.info('%s - "WebSocket %s" [accepted]', "203.0.113.7:5000", "/ws/feed/")
    logger.info("connection open")
    logger.info('%s - "WebSocket %s" 403', "203.0.113.7:5000", "/ws/feed/")
    logger.info("connection closed")
    assert [record.getMessage() for record in caplog.records] == ['203.0.113.7:5000 - "WebSocket /ws/feed/" 403']
