"""One declaration tied to one signal: connects to the right senders, and hands each signal on to acts or reports."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django.apps import apps
from django.db.models import Model, signals
from django.dispatch import Signal

from . import acts, reports
from .exceptions import DeclarationError

if TYPE_CHECKING:
    from .events import Event, SignalEvent

DELETES = (signals.pre_delete, signals.post_delete)
SAVES = (signals.pre_save, signals.post_save)


@dataclass(eq=False)
class Binding:
    event: type[Event]
    signal: Signal
    sender: Any
    field: str

    def __post_init__(self) -> None:
        from .events import SignalEvent

        self._event: Any = self.event  # where it is known to be a ModelEvent
        is_model_signal = self.signal in (*DELETES, *SAVES, signals.m2m_changed)
        if is_model_signal == issubclass(self.event, SignalEvent):
            base = "ModelEvent" if is_model_signal else "SignalEvent"
            raise DeclarationError(f"{self.name}: derive it from {base} for this signal.")
        if is_model_signal and self.sender is None:
            raise DeclarationError(f"{self.name}: name the model. Write @alert_on(..., sender=TheModel).")
        if (self.signal is signals.m2m_changed) != bool(self.field):
            raise DeclarationError(f"{self.name}: m2m_changed, and it alone, needs field='<the many-to-many field>'.")

    @property
    def name(self) -> str:
        return f"{self.event.__module__}.{self.event.__qualname__}"

    @property
    def model(self) -> type[Model]:
        model: Any = self.sender
        if isinstance(model, str):
            try:
                model = apps.get_model(model)
            except (LookupError, ValueError) as error:
                raise DeclarationError(f"{self.name}: there is no model {self.sender!r}. Write 'app.Model'.") from error
        if not (isinstance(model, type) and issubclass(model, Model)):
            raise DeclarationError(f"{self.name}: sender {model!r} is no model. Write sender=TheModel.")
        if model._meta.abstract and not self._event.children:
            raise DeclarationError(
                f"{self.name}: {model.__name__} is abstract. Set children = True, or name its models."
            )
        return model

    def senders(self) -> list[type[Model]]:
        """The model, its proxies, and with `children` its inheritance children and their proxies (trap X22)."""
        model = self.model
        if self.signal is signals.m2m_changed:
            try:
                return [cast("Any", model._meta.get_field(self.field)).remote_field.through]
            except Exception as error:
                raise DeclarationError(f"{self.name}: {model.__name__} has no field {self.field!r}.") from error
        # The delete of a multi-table child is heard as its parent's as well: its parent's row goes with it.
        children = self._event.children and (self.signal in SAVES or model._meta.abstract)
        return [
            heard
            for heard in {model, *apps.get_models()}
            if heard is model or (issubclass(heard, model) and (children or heard._meta.concrete_model is model))
        ]

    def connect(self) -> None:
        for signal, receiver, senders in self._receivers():
            for sender in senders:
                signal.connect(receiver, sender=sender, weak=False, dispatch_uid=f"alerts:{id(self)}")

    def disconnect(self) -> None:
        for signal, receiver, senders in self._receivers():
            for sender in senders:
                signal.disconnect(receiver, sender=sender, dispatch_uid=f"alerts:{id(self)}")

    def _receivers(self) -> list[tuple[Signal, Any, list[Any]]]:
        if self.signal in DELETES:
            senders = self.senders()
            # Noted row by row while the rows are there, written once when the first is gone.
            note = partial(acts.note_delete, self._event)
            return [(signals.pre_delete, note, senders), (signals.post_delete, acts.finish_delete, senders)]
        if self.signal is signals.pre_save:
            senders = self.senders()
            return [(signals.pre_save, self._saving, senders), (signals.post_save, self._saved, senders)]
        if self.signal is signals.post_save:
            return [(signals.post_save, self._post_save, self.senders())]
        if self.signal is signals.m2m_changed:
            return [(signals.m2m_changed, self._m2m_changed, self.senders())]
        return [(self.signal, self._sent, [self.sender])]

    # A `pre_save` alert takes its snapshot before the save and is written after it: a save that fails is no news.

    def _saving(self, sender: Any, instance: Model, raw: bool = False, **arguments: Any) -> None:
        kept = instance._state.__dict__.setdefault("alerts_noted", {})
        kept.pop(self, None)
        if not raw:
            kept[self] = reports.note(self._event, instance, arguments)

    def _saved(self, sender: Any, instance: Model, raw: bool = False, **arguments: Any) -> None:
        noted = instance._state.__dict__.get("alerts_noted", {}).pop(self, None)
        if noted is not None:
            # A new row had no key yet.
            noted = noted.with_key(instance)
            reports.report(self._event, noted)

    def _post_save(self, sender: Any, instance: Model, raw: bool = False, **arguments: Any) -> None:
        if not raw:
            self._report(instance, arguments)

    def _m2m_changed(self, sender: Any, instance: Model, action: str, reverse: bool, **arguments: Any) -> None:
        rows = self.model._base_manager.using(arguments.get("using"))
        if action == "pre_clear":
            # Afterwards nobody can tell which rows it touched, nor whether it touched any.
            touched = rows.filter(**{self.field: instance}) if reverse else getattr(instance, self.field).all()[:1]
            instance._state.__dict__[f"alerts_cleared_{id(self)}"] = list(touched.values_list("pk", flat=True))
        if not action.startswith("post_"):
            return
        cleared = instance._state.__dict__.pop(f"alerts_cleared_{id(self)}", [])
        pks = cleared if action == "post_clear" else arguments["pk_set"]
        if not pks:
            return
        arguments |= {"action": action, "reverse": reverse}
        if not reverse:
            self._report(instance, arguments)
            return
        noted = [reports.note(self._event, row, arguments) for row in rows.filter(pk__in=pks).order_by("pk")]
        reports.report_all(self._event, [row for row in noted if row is not None], cause=instance)

    def _sent(self, sender: Any, **arguments: Any) -> None:
        arguments.pop("signal", None)
        reports.report_signal(cast("type[SignalEvent]", self.event), sender, arguments)

    def _report(self, instance: Model, arguments: dict[str, Any]) -> None:
        noted = reports.note(self._event, instance, arguments)
        if noted is not None:
            reports.report(self._event, noted)
