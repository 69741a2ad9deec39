"""A Chromium whose tabs are as a person has them: one is in front, the others are hidden.

Playwright makes every page believe that it is in front. This one speaks the DevTools protocol itself, the little of it
that tests of hidden pages need.
"""

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.servers import programs
from tests.servers.chromium import ARGUMENTS
from tests.servers.ports import wait_until


class Tab:
    """One tab; `evaluate` waits for a promise and gives its value through JSON."""

    def __init__(self, tabs: "Tabs", target: str, session: str) -> None:
        self._tabs = tabs
        self.target = target
        self.session = session

    async def evaluate(self, expression: str) -> Any:
        options = {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        result = await self._tabs.send("Runtime.evaluate", self.session, **options)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}\n{result['exceptionDetails']}")
        return result["result"].get("value")

    async def until(self, expression: str, *, seconds: float = 10) -> Any:
        """What the expression gives once that is true."""
        for _ in range(int(seconds / 0.05)):
            if value := await self.evaluate(expression):
                return value
            await asyncio.sleep(0.05)
        raise AssertionError(f"not true within {seconds} s: {expression}")

    async def go(self, url: str) -> None:
        await self._tabs.send("Page.navigate", self.session, url=url)
        await self.until(f"location.href.startsWith({url!r}) && document.readyState === 'complete'")

    async def to_front(self) -> None:
        await self._tabs.send("Target.activateTarget", targetId=self.target)

    async def close(self) -> None:
        await self._tabs.send("Target.closeTarget", targetId=self.target)


class Tabs:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listening = asyncio.create_task(self._listen())

    async def open(self, url: str = "about:blank") -> Tab:
        """A new tab, in front."""
        target = (await self.send("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        tab = Tab(self, target, session)
        await tab.to_front()
        if url != "about:blank":
            await tab.go(url)
        return tab

    async def allow_notifications(self, url: str) -> None:
        await self.send("Browser.grantPermissions", origin=url, permissions=["notifications"])

    async def set_session(self, url: str, session: str) -> None:
        """Sign in with a session cookie."""
        await self.send("Storage.setCookies", cookies=[{"name": "sessionid", "value": session, "url": url}])

    async def send(self, method: str, session: str = "", /, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        command = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        await self._connection.send(json.dumps(command))
        async with asyncio.timeout(20):
            return await answer

    async def _listen(self) -> None:
        async for text in self._connection:
            message = json.loads(text)
            answer = self._answers.pop(message.get("id", 0), None)
            if answer is None or answer.done():
                continue
            if "error" in message:
                answer.set_exception(AssertionError(message["error"]["message"]))
            else:
                answer.set_result(message["result"])


@asynccontextmanager
async def running_tabs(*, display: str = "") -> AsyncIterator[Tabs]:
    """A browser with an empty profile that is thrown away; with a window, on an X `display`."""
    path = programs.CHROMIUM.require()
    # Chromium is still writing into its profile while it ends.
    with TemporaryDirectory(prefix="tests-tabs-", ignore_cleanup_errors=True) as profile:
        chromium = await asyncio.create_subprocess_exec(
            path,
            *(argument for argument in ARGUMENTS if not (display and "headless" in argument)),
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "--no-first-run",
            "--window-position=0,0",
            "--window-size=1180,420",
            # Notifications as Chromium draws them itself, where a desktop shows none.
            "--disable-features=SystemNotifications",
            env=os.environ | ({"DISPLAY": display, "DBUS_SESSION_BUS_ADDRESS": "disabled:"} if display else {}),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            port_file = Path(profile) / "DevToolsActivePort"
            await asyncio.to_thread(
                wait_until, lambda: port_file.exists() and "/" in port_file.read_text(), what="Chromium"
            )
            port, path_of_browser = port_file.read_text().split()
            async with connect(f"ws://127.0.0.1:{port}{path_of_browser}", max_size=None) as connection:
                tabs = Tabs(connection)
                yield tabs
                tabs._listening.cancel()
        finally:
            chromium.terminate()
            await chromium.wait()
