"""Carries deliveries: leased, checked, sent; else tried again later, or dead with its reason.

The life of a Delivery: `waiting` until it is due; `leased` by one relay; `sending` from just before the message is
handed over; `sent` when the other side has taken it. A failure makes it `waiting` again, later; a permanent one, or one
too many, `dead`. While the transport's server cannot be reached at all, whatever was to be handed over is held up: it
waits as after any failure, but is due at once when the server answers again. A recipient who has left the audience
meanwhile, or has no address any more, makes it `dropped`; an admin may make it `discarded`.
A relay that dies while `sending` leaves it unknown whether the message went: it is sent again, as the same message.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now

from ..exceptions import ConnectionLost, TransportError
from ..models import Delivery
from ..transports import Session, Transport
from .head import using
from .leases import Leases
from .manifest import Manifest
from .marks import Marks

logger = logging.getLogger(__name__)
BATCH = 100
PROBE = 30.0  # seconds between two looks whether a server that was out of reach answers again
State = Delivery.State


class Deliverer:
    """Carries one transport's deliveries, one after another. One per relay and transport."""

    def __init__(self, transport: Transport, clock: Callable[[], float] = time.monotonic) -> None:
        self.transport = transport
        self.leases = Leases(transport.name)
        self.is_stopping = False
        self._marks = Marks(self.leases.holder)
        self._session: Session | None = None
        self._clock = clock
        self._is_interrupted = False  # in the middle of a batch, by a database that went away
        self._is_out_of_reach = True  # for all we know: another relay may have left deliveries held up
        self._probe_at = 0.0

    def deliver(self) -> bool:
        """Carry up to 100 due deliveries. Gives whether there may be more to do at once."""
        if self._is_interrupted:
            self._marks.settle()
            self.leases.recall()
            self._is_interrupted = False
        if self._is_out_of_reach and self._clock() >= self._probe_at:
            self._probe()
        self._is_interrupted = True  # from here on, should anything be raised: what is taken must be given back
        keys = self.leases.take_over() + self.leases.take(BATCH)
        if not keys:
            self._is_interrupted = False
            return False
        try:
            self._carry_all(keys)
            self._marks.settle()
        finally:
            self._close()
        self.leases.give_back()
        self._is_interrupted = False
        return True

    def _probe(self) -> None:
        """What was held up is due, should the server answer again."""
        held_up = Delivery.objects.using(using()).filter(
            transport=self.transport.name, state=State.WAITING, is_held_up=True
        )
        self._probe_at = self._clock() + PROBE
        if held_up.exists():
            try:
                self._open().close()
            except ConnectionLost:
                return
            count = held_up.update(next_try=Now(), is_held_up=False)
            logger.info(
                "The %s server answers again: %s deliveries that were held up are due.", self.transport.name, count
            )
        self._is_out_of_reach = False

    def _carry_all(self, keys: Sequence[int]) -> None:
        manifest = Manifest(self._marks, self._clock)
        for place, key in enumerate(keys):
            if self.is_stopping:
                return
            try:
                if not manifest.is_fresh:
                    self._marks.settle()
                    manifest.read(keys[place:])
                self._carry(key, manifest)
            except ConnectionLost as error:
                # Not this message's fault, and the next would meet the same: all of them wait.
                for waiting in keys[place:]:
                    self._marks.failed(waiting, error, is_held_up=True)
                self._is_out_of_reach, self._probe_at = True, self._clock() + PROBE
                return
            except (OperationalError, InterfaceError):
                raise  # the database is out of reach
            except Exception as error:
                logger.exception("Delivery %s by %s could not be begun.", key, self.transport.name)
                self._marks.failed(key, _unforeseen(error))

    def _carry(self, key: int, manifest: Manifest) -> None:
        """Raises ConnectionLost when no session can be opened."""
        delivery = manifest.delivery(key)
        if delivery is None:
            return
        recipient = manifest.recipient(delivery)
        if recipient is None:
            self._marks.dropped(key, "The recipient is no longer in the audience.")
            return
        delivery.address = self.transport.address(recipient)  # as it is now
        if not delivery.address:
            self._marks.dropped(key, "The recipient has no address any more.")
            return
        if self._session is None:
            self._session = self._open()
        if not self._marks.begin(key, delivery.address):
            return
        try:
            self._session.send(delivery, recipient)
        except ConnectionLost as error:
            self._close()
            self._marks.failed(key, error)
        except TransportError as error:
            self._marks.failed(key, error)
        except Exception as error:
            logger.exception("The transport %s failed on delivery %s.", self.transport.name, key)
            self._close()
            self._marks.failed(key, _unforeseen(error))
        else:
            self._marks.took(key)

    def _open(self) -> Session:
        try:
            return self.transport.open()
        except ConnectionLost:
            raise
        except Exception as error:
            logger.exception("The transport %s could not be opened.", self.transport.name)
            raise ConnectionLost(str(_unforeseen(error))) from error

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


def _unforeseen(error: Exception) -> TransportError:
    return TransportError(f"{type(error).__name__}: {error}")
