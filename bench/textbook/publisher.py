"""The textbook's publisher: one `group_send` for each alert, as a receiver of a signal or a command does it."""

import uuid

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.utils import timezone

from bench.textbook.consumers import GROUP
from bench.writer import BODY, at_a_pace, title


def raise_alerts(count: int, per_second: float) -> float:
    """Alerts as large as ours. Gives the seconds it took."""
    layer = get_channel_layer()
    assert layer is not None

    def act(number: int) -> None:
        alert = {
            "id": str(uuid.uuid4()),
            "position": number,
            "kind": "bench.alert",
            "level": "info",
            "title": title(),
            "body": BODY,
            "url": "",
            "actor": None,
            "subjects": [],
            "count": 1,
            "cause": None,
            "group": None,
            "created": timezone.now().isoformat(),
        }
        async_to_sync(layer.group_send)(GROUP, {"type": "alert", "alert": {"type": "alert", **alert}})

    return at_a_pace(act, count, per_second)
