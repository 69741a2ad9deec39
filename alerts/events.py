"""Declarations: which signal raises which alert, for whom, with what snapshot. One class in an app's `alerts.py` each.

@alert_on(pre_delete, sender=Post)
class PostDeletion(ModelEvent):
    kind = "post.deletion"
    audience = Permission("posts.view_post")
    related = ("author",)
    title = "Post titled '{title}' was deleted"

    def snapshot(self, post):
        return {"title": post.title, "author": post.author.get_username()}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from django.apps import apps
from django.db.models import Model
from django.dispatch import Signal

from .audiences import Audience, Staff
from .bindings import Binding
from .exceptions import DeclarationError
from .kinds import declare, declared
from .models import Level
from .muting import muted as muted

E = TypeVar("E", bound="type[Event]")


class Event:
    """What every declaration has. A class with a `kind` is declared by being defined; a second one of that kind fails.

    `title`, `body` and `url` are format strings over the snapshot, `pk` and `count`, filled when the alert is recorded;
    `title_many` is the title of an act of several rows. `transports` names the further ways it is carried.
    `pending` and `pending_many` are the words of the warning that open dashboards hear while a delete is under way and
    not yet committed; without them there is none.
    """

    kind: ClassVar[str] = ""
    level: ClassVar[str] = Level.INFO
    audience: ClassVar[Audience | str] = Staff()
    transports: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = ""
    title_many: ClassVar[str] = ""
    pending: ClassVar[str] = ""
    pending_many: ClassVar[str] = ""
    body: ClassVar[str] = ""
    url: ClassVar[str] = ""
    bindings: ClassVar[list[Binding]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.bindings = []
        if cls.kind:
            cls._verify()
            declare(cls)

    @classmethod
    def _verify(cls) -> None:
        name = f"{cls.__module__}.{cls.__qualname__}"
        if len(cls.kind) > 100:
            raise DeclarationError(f"{name}: the kind {cls.kind!r} is longer than 100 characters. Shorten it.")
        if cls.level not in Level.values:
            raise DeclarationError(f"{name}: {cls.level!r} is no level. Use one of {', '.join(Level.values)}.")
        if not isinstance(cls.audience, (Audience, str)):
            raise DeclarationError(f"{name}: audience is {cls.audience!r}. Use Staff(), Everyone(), Permission(...).")
        if isinstance(cls.transports, str):
            raise DeclarationError(f"{name}: transports is a text. Write transports = ({cls.transports!r},).")
        if not cls.title:
            raise DeclarationError(
                f"{name}: there is no title. Write title = '...', a format string over the snapshot."
            )

    @classmethod
    def connect(cls) -> None:
        """Hear the signals again, after `disconnect()`."""
        connect(cls)

    @classmethod
    def disconnect(cls) -> None:
        """Stop hearing the signals, for the whole process. For one block of code there is `muted`."""
        disconnect(cls)


class ModelEvent(Event):
    """An alert about rows of a model. It hears the model and its proxies; with `children`, inheritance children too.

    `applies` and `snapshot` take the instance and whichever of the signal's arguments they name (`created`,
    `update_fields`, `action`, `pk_set` ...). An exception in them never breaks the save or delete: it is logged, and
    the alert comes with a default text.
    """

    related: ClassVar[tuple[str, ...]] = ()
    children: ClassVar[bool] = False

    # Any arguments here, so that a declaration's own, narrower signature is no type error.
    def applies(self, *instance: Any, **arguments: Any) -> bool:
        """Whether this row is worth an alert."""
        return True

    def snapshot(self, *instance: Any, **arguments: Any) -> Mapping[str, Any]:
        """What the alert will say, as JSON of at most 16 KB. Taken at the signal, while the row is there.

        An act of very many rows is told in the words of the first: only the first 20 are asked.
        """
        return {}

    def label(self, instance: Any) -> str:
        """The row's name in the list of an act's rows. Asked while the row and what belongs to it are there."""
        return str(instance)


class SignalEvent(Event):
    """An alert about a signal of your own. `applies` and `snapshot` take the arguments it was sent with.

    `Subject("user")` as audience is the argument `user`. Send the signal inside `transaction.atomic`: outside, the
    alert is committed by itself, at once.
    """

    def applies(self, *sender: Any, **arguments: Any) -> bool:
        return True

    def snapshot(self, *sender: Any, **arguments: Any) -> Mapping[str, Any]:
        return {}

    def subjects(self, *sender: Any, **arguments: Any) -> list[Model]:
        """The rows it is about."""
        return []


def alert_on(*signals: Signal, sender: Any = None, field: str = "") -> Callable[[E], E]:
    """Raise the alert of the decorated class when one of these signals is sent.

    `sender` is a model, or its name ("posts.Post"); for `m2m_changed`, the model that has the `field`. For a signal of
    your own it is whatever the signal is sent with, or nothing, for any. Raises DeclarationError.
    """

    def bind(event: E) -> E:
        if not event.kind:
            raise DeclarationError(f"{event.__module__}.{event.__qualname__} has no kind. Write kind = 'app.event'.")
        event.bindings.extend(Binding(event, signal, sender, field) for signal in signals)
        if apps.ready:
            connect(event)
        return event

    return bind


def connect(*events: type[Event]) -> None:
    """Hear the signals of these declarations, or of all. Calling it twice changes nothing."""
    for event in events or tuple(declared.values()):
        for binding in event.bindings:
            binding.connect()


def disconnect(*events: type[Event]) -> None:
    """Stop hearing the signals of these declarations, or of all, in this process."""
    for event in events or tuple(declared.values()):
        for binding in event.bindings:
            binding.disconnect()
