"""One consumer per socket, all in one group, each encoding each alert anew."""

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

GROUP = "alerts"


class AlertConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        if not self.scope["user"].is_staff:
            await self.close()
            return
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def alert(self, event: dict[str, Any]) -> None:
        await self.send_json(event["alert"])
