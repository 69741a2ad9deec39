"""Why a socket is closed. 4000 to 4499: reconnect and resume; 4500 to 4999: do not (other ranges are not ours, X14)."""

from enum import IntEnum


class CloseCode(IntEnum):
    NEVER_ACKNOWLEDGED = 4009
    RESTARTING = 4012
    FULL = 4013
    TOO_MANY_COMMANDS = 4029
    SIGNED_OUT = 4501
    PERMISSION_LOST = 4503
    TOO_MANY_CONNECTIONS = 4509
    BINARY = 4520
    NOT_UTF8 = 4521
    TOO_BIG = 4522

    @property
    def reason(self) -> str:
        """The word a `bye` frame gives."""
        return self.name.lower()

    @property
    def may_reconnect(self) -> bool:
        return self < 4500

    @property
    def retry_after(self) -> float:
        """Seconds a client waits at least. Another process is there at once, a full or flooded one is not soon."""
        if not self.may_reconnect:
            return 0.0
        return 1.0 if self is CloseCode.RESTARTING else 5.0
