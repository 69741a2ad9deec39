"""One root for every error of this app; the message says what to do next."""


class AlertsError(Exception):
    """Something is wrong with alerts; the message says what to do about it."""


class DeclarationError(AlertsError):
    """A declaration in an `alerts.py` cannot work. Names the class and the cure."""


class UnknownAudience(AlertsError):
    """An audience key of a form nobody declared."""


class TransportError(AlertsError):
    """A delivery did not go through. `permanent` means that trying again is of no use."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class ConnectionLost(TransportError):
    """The transport's server is out of reach: nothing was wrong with the message at hand."""
