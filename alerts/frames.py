"""Every JSON text on the wire, in one place (docs/protocol.md). An alert is encoded once per process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from .models import Alert

PROTOCOL = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One position of the log as readers hold it: whom it concerns, and its Alert encoded. `size` in bytes."""

    position: int
    audience: str
    uid: str
    json: str
    size: int


def encode(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def entry(alert: Alert) -> Entry:
    """Encode a numbered alert. The snapshot (`data`) stays off the wire."""
    assert alert.position is not None
    uid = str(alert.uid)
    text = encode(
        {
            "id": uid,
            "position": alert.position,
            "kind": alert.kind,
            "level": alert.level,
            "title": alert.title,
            "body": alert.body,
            "url": alert.url,
            "actor": {"id": alert.actor_id, "label": alert.actor} if alert.actor else None,
            "subjects": alert.subjects,
            "count": alert.count,
            "cause": alert.cause,
            "group": alert.group or None,
            "created": alert.created.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }
    )
    return Entry(alert.position, alert.audience, uid, text, len(text.encode()))


def hello(
    *,
    epoch: str,
    position: int,
    head: int,
    unread: int,
    reads_version: int,
    heartbeat: int,
    window: tuple[int, int],
    user: tuple[str, str],
) -> str:
    return encode(
        {
            "type": "hello",
            "protocol": PROTOCOL,
            "epoch": epoch,
            "position": position,
            "head": head,
            "unread": unread,
            "reads_version": reads_version,
            "heartbeat": heartbeat,
            "window": {"alerts": window[0], "bytes": window[1]},
            "user": {"id": user[0], "name": user[1]},
        }
    )


def alerts(entries: Iterable[Entry], position: int) -> str:
    return f'{{"type":"alerts","alerts":[{",".join(entry.json for entry in entries)}],"position":{position}}}'


def pending(*, uid: str, kind: str, title: str, expires_in: int) -> str:
    """`expires_in` in seconds."""
    return encode({"type": "pending", "id": uid, "kind": kind, "title": title, "expires_in": expires_in})


def reads(
    *,
    version: int,
    unread: int,
    read_ids: Sequence[str] = (),
    unread_ids: Sequence[str] = (),
    read_up_to: int | None = None,
) -> str:
    frame: dict[str, Any] = {"type": "reads", "reads_version": version, "unread": unread}
    if read_up_to is None:
        frame |= {"read_ids": list(read_ids), "unread_ids": list(unread_ids)}
    else:
        frame["read_up_to"] = read_up_to
    return encode(frame)


def heartbeat(*, position: int, head: int, unread: int, reads_version: int) -> str:
    return encode(
        {"type": "heartbeat", "position": position, "head": head, "unread": unread, "reads_version": reads_version}
    )


def gap(*, reason: str, epoch: str, oldest: int, head: int) -> str:
    """`reason`: trimmed or epoch."""
    return encode({"type": "gap", "reason": reason, "epoch": epoch, "oldest": oldest, "head": head})


def bye(*, reason: str, retry_after: float) -> str:
    """`retry_after` in seconds."""
    return encode({"type": "bye", "reason": reason, "retry_after": retry_after})


def error(*, code: str, message: str, command: str | None = None) -> str:
    return encode({"type": "error", "code": code, "message": message, "command": command})
