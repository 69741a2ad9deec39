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
from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import InterfaceError, OperationalError
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from ..audiences import includes
from ..clean import BODY, text
from ..exceptions import ConnectionLost, TransportError
from ..models import Delivery
from ..retry import delay
from ..transports import Session, Transport
from .head import using
from .leases import Leases

logger = logging.getLogger(__name__)
BATCH = 50
PROBE = 30.0  # seconds between two looks whether a server that was out of reach answers again
State = Delivery.State


class Deliverer:
    """Carries one transport's deliveries, one after another. One per relay and transport."""

    def __init__(self, transport: Transport, clock: Callable[[], float] = time.monotonic) -> None:
        self.transport = transport
        self.leases = Leases(transport.name)
        self.is_stopping = False
        self._clock = clock
        self._is_out_of_reach = True  # for all we know: another relay may have left deliveries held up
        self._probe_at = 0.0

    def deliver(self) -> bool:
        """Carry up to 50 due deliveries. Gives whether there may be more to do at once."""
        if self._is_out_of_reach and self._clock() >= self._probe_at:
            self._probe()
        keys = self.leases.take_over() + self.leases.take(BATCH)
        if not keys:
            return False
        session: Session | None = None
        try:
            for place, key in enumerate(keys):
                if self.is_stopping:
                    break
                try:
                    session = self._carry(key, session)
                except ConnectionLost as error:
                    # Not this message's fault, and the next would meet the same: all of them wait.
                    for waiting in keys[place:]:
                        self._failed(waiting, error, is_held_up=True)
                    self._is_out_of_reach, self._probe_at = True, self._clock() + PROBE
                    break
                except (OperationalError, InterfaceError):
                    raise  # the database is out of reach
                except Exception as error:
                    logger.exception("Delivery %s by %s could not be begun.", key, self.transport.name)
                    self._failed(key, _unforeseen(error))
        finally:
            if session is not None:
                session.close()
            self.leases.give_back()
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

    def _carry(self, key: int, session: Session | None) -> Session | None:
        delivery = self._mine(key).select_related("alert").first()
        if delivery is None:
            return session  # taken over meanwhile
        recipient = self._recipient(delivery)
        if recipient is None:
            self._mine(key).update(state=State.DROPPED, reason="The recipient is no longer in the audience.")
            return session
        delivery.address = self.transport.address(recipient)  # as it is now
        if not delivery.address:
            self._mine(key).update(state=State.DROPPED, reason="The recipient has no address any more.")
            return session
        if session is None:
            session = self._open()
        if not self._mine(key).filter(state=State.LEASED).update(state=State.SENDING, address=delivery.address):
            return session
        try:
            session.send(delivery, recipient)
        except ConnectionLost as error:
            session.close()
            self._failed(key, error)
            return None
        except TransportError as error:
            self._failed(key, error)
        except Exception as error:
            logger.exception("The transport %s failed on delivery %s.", self.transport.name, key)
            session.close()
            self._failed(key, _unforeseen(error))
            return None
        else:
            self._mine(key).update(state=State.SENT, attempts=F("attempts") + 1, reason="")
        return session

    def _open(self) -> Session:
        try:
            return self.transport.open()
        except ConnectionLost:
            raise
        except Exception as error:
            logger.exception("The transport %s could not be opened.", self.transport.name)
            raise ConnectionLost(str(_unforeseen(error))) from error

    def _recipient(self, delivery: Delivery) -> AbstractBaseUser | None:
        """The recipient, if they still are in the audience: asked again at the last moment."""
        user = get_user_model()._default_manager.filter(pk=delivery.recipient).first()
        return user if user is not None and includes(delivery.alert.audience, user) else None

    def _failed(self, key: int, error: TransportError, *, is_held_up: bool = False) -> None:
        row = self._mine(key).values_list("attempts", flat=True).first()
        if row is None:
            return
        attempts = row + 1
        pause = None if error.permanent else delay(attempts)
        reason = text(error, BODY)
        if pause is None:
            logger.warning("Delivery %s by %s is dead: %s", key, self.transport.name, reason)
            self._mine(key).update(state=State.DEAD, attempts=attempts, reason=reason, holder="")
        else:
            self._mine(key).update(
                state=State.WAITING,
                attempts=attempts,
                reason=reason,
                holder="",
                next_try=Now() + pause,
                is_held_up=is_held_up,
            )

    def _mine(self, key: int) -> QuerySet[Delivery]:
        held = (State.LEASED, State.SENDING)
        return Delivery.objects.using(using()).filter(pk=key, holder=self.leases.holder, state__in=held)


def _unforeseen(error: Exception) -> TransportError:
    return TransportError(f"{type(error).__name__}: {error}")
