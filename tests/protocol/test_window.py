"""The window of unacknowledged alerts, and the heartbeat. Servers with a window of 4 alerts and 4 KiB."""

import asyncio


async def test_a_full_window_stops_the_server_until_an_ack_frees_some(small_server, person, open_socket, shell):
    ann = person()
    socket = await open_socket(small_server, ann)
    assert (await socket.frame())["window"] == {"alerts": 4, "bytes": 4096}
    shell(f"many({ann.key!r}, 10)")
    first = await socket.alerts(4, ack=False)
    await socket.silence(1.5, of="alerts")
    await socket.send(type="ack", position=first[1]["position"], seen=True)
    second = await socket.alerts(2, ack=False)
    await socket.silence(0.5, of="alerts")
    await socket.send(type="ack", position=second[-1]["position"], seen=True)
    third = await socket.alerts(4, ack=False)
    assert [alert["title"] for alert in first + second + third] == [f"Alert {number}" for number in range(10)]


async def test_the_window_counts_bytes_too_and_always_lets_one_through(small_server, person, open_socket, shell):
    ann = person()
    socket = await open_socket(small_server, ann)
    await socket.frame()
    shell(f"many({ann.key!r}, 3, body='x' * 4000)")
    frame = await socket.until("alerts")
    assert len(frame["alerts"]) == 1
    await socket.silence(0.5, of="alerts")
    await socket.send(type="ack", position=frame["position"], seen=False)
    assert len((await socket.until("alerts"))["alerts"]) == 1


async def test_an_ack_beyond_what_was_sent_is_an_error(small_server, person, open_socket, shell):
    ann = person()
    socket = await open_socket(small_server, ann)
    hello = await socket.frame()
    shell(f"many({ann.key!r}, 6)")
    [*_, last] = await socket.alerts(4, ack=False)
    error = await socket.ask(type="ack", position=last["position"] + 1, seen=True)
    assert (error["code"], error["command"]) == ("beyond", "ack")
    await socket.silence(0.5, of="alerts")
    assert hello["position"] < last["position"]


async def test_an_ack_that_frees_something_counts_for_no_limit(small_server, person, open_socket, shell):
    ann = person()
    socket = await open_socket(small_server, ann)
    await socket.frame()
    shell(f"many({ann.key!r}, 150)")
    for _ in range(150):
        frame = await socket.until("alerts")
        for alert in frame["alerts"]:
            await socket.send(type="ack", position=alert["position"], seen=True)
        if frame["alerts"][-1]["title"] == "Alert 149":
            break
    assert not [text for text in socket.texts if '"error"' in text]
    await socket.send(type="ping")
    await socket.until("heartbeat")


async def test_resumed_alerts_keep_to_the_window(small_server, person, open_socket, shell, settle):
    ann = person()
    epoch, position, _ = await settle(small_server)
    shell(f"many({ann.key!r}, 9)")
    await settle(small_server)
    socket = await open_socket(small_server, ann, f"epoch={epoch}&position={position}")
    await socket.alerts(4, ack=False)
    await socket.silence(0.5, of="alerts")


async def test_a_heartbeat_comes_by_itself_and_proves_the_data_path(small_server, person, open_socket, shell):
    ann = person()
    socket = await open_socket(small_server, ann)
    hello = await socket.frame()
    assert hello["heartbeat"] == 1
    first = await socket.until("heartbeat", seconds=3)
    assert first.keys() == {"type", "position", "head", "unread", "reads_version"}
    shell(f"many({ann.key!r}, 2)")
    await socket.alerts(2)
    second = await socket.until("heartbeat", seconds=3)
    assert second["unread"] == 2
    assert second["position"] == second["head"] >= first["position"] + 2


async def test_a_slow_reader_harms_nobody_else(small_server, person, open_socket, shell):
    ann = person()
    slow, quick = await open_socket(small_server, ann), await open_socket(small_server, ann)
    await slow.frame()
    await quick.frame()
    shell(f"many({ann.key!r}, 40)")
    assert len(await quick.alerts(40)) == 40
    await slow.alerts(4, ack=False)
    await asyncio.sleep(0)
    await slow.silence(0.3, of="alerts")
