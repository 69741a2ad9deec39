"""Every declared event, whoever declared it."""

import json
import re
from string import Formatter

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import signals

from alerts import audiences, checks
from alerts.audiences import Audience, Subject
from alerts.calls import call
from alerts.events import ModelEvent, muted
from alerts.kinds import declared
from alerts.models import Alert
from alerts.transports import registered

EVENTS = [declared[kind] for kind in sorted(declared)]
MODEL_EVENTS = [event for event in EVENTS if issubclass(event, ModelEvent)]
ARGUMENTS = {"raw": False, "using": "default", "update_fields": None, "created": True, "origin": None}


def name(event):
    return event.kind


def rows(event):
    """A made-up row of each model the event hears."""
    return [checks.sample(model) for model in {binding.model for binding in event.bindings}]


def fire(event):
    """Send the signals of an act on one made-up row, as Django does."""
    for binding in event.bindings:
        row = checks.sample(binding.model)
        common = {"sender": binding.model, "instance": row, "using": "default"}
        with transaction.atomic():
            if binding.signal in (signals.pre_delete, signals.post_delete):
                origin = binding.model._base_manager.all()
                signals.pre_delete.send(**common, origin=origin)
                signals.post_delete.send(**common, origin=origin)
            elif binding.signal in (signals.pre_save, signals.post_save):
                signals.pre_save.send(**common, raw=False, update_fields=None)
                signals.post_save.send(**common, raw=False, update_fields=None, created=True)
            else:
                for action in ("pre_add", "post_add"):
                    through = binding.senders()[0]
                    signals.m2m_changed.send(
                        **{**common, "sender": through}, action=action, reverse=False, model=binding.model, pk_set={1}
                    )


def test_the_events_of_this_site_are_all_found():
    assert {"user.registered", "user.welcome", "post.deletion", "post.published"} <= set(declared)


@pytest.mark.parametrize("event", EVENTS, ids=name)
def test_it_says_what_it_is_for(event):
    assert event.__dict__.get("__doc__"), f"{event.__qualname__} has no docstring. Say when it is raised, and why."


@pytest.mark.parametrize("event", EVENTS, ids=name)
def test_its_kind_names_an_app_and_an_event(event):
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", event.kind)
    assert declared[event.kind] is event


@pytest.mark.parametrize("event", EVENTS, ids=name)
def test_it_hears_something(event):
    assert event.bindings, "a declaration without @alert_on is never raised"


@pytest.mark.parametrize("event", EVENTS, ids=name)
def test_its_transports_exist(event):
    assert set(event.transports) <= set(registered)


@pytest.mark.django_db
@pytest.mark.parametrize("event", EVENTS, ids=name)
def test_its_audience_is_registered_and_a_permission_exists(event):
    audience = event.audience
    if isinstance(audience, Subject):
        return
    key = audience.key(None) if isinstance(audience, Audience) else audience
    assert key in audiences.registered
    if key.startswith("perm:"):
        app, codename = key.removeprefix("perm:").split(".", 1)
        assert Permission.objects.filter(content_type__app_label=app, codename=codename).exists()


@pytest.mark.parametrize("event", MODEL_EVENTS, ids=name)
def test_its_snapshot_of_a_sample_row_is_json(event):
    for row in rows(event):
        snapshot = call(event().snapshot, row, ARGUMENTS)
        assert json.loads(json.dumps(snapshot, allow_nan=False)) == snapshot


@pytest.mark.parametrize("event", MODEL_EVENTS, ids=name)
def test_its_texts_are_filled_by_the_snapshot_of_a_sample_row(event):
    for row in rows(event):
        values = {"pk": "1", **call(event().snapshot, row, ARGUMENTS), "count": 3}
        for text in (event.title, event.title_many, event.body, event.url):
            filled = text.format_map(values)
            assert "{" not in filled
            assert bool(filled) == bool(text)
            assert all(field is None or field for _, field, _, _ in Formatter().parse(text))


@pytest.mark.django_db
@pytest.mark.parametrize("event", MODEL_EVENTS, ids=name)
def test_an_act_on_a_sample_row_is_told(event, log):
    fire(event)
    alerts = Alert.objects.filter(kind=event.kind)
    assert alerts.count() == len(event.bindings)
    assert not any("failed" in record.message for record in log.records)
    for alert in alerts:
        assert alert.title
        assert not alert.title.startswith(f"{event.kind}:"), "that is the default text"
        assert alert.level == event.level


@pytest.mark.django_db
@pytest.mark.parametrize("event", MODEL_EVENTS, ids=name)
def test_its_alert_survives_a_broken_snapshot(event, log, monkeypatch):
    def explode(*_, **__):
        raise LookupError("broken")

    monkeypatch.setattr(event, "snapshot", explode)
    fire(event)
    for alert in Alert.objects.filter(kind=event.kind):
        assert alert.title.startswith(f"{event.kind}: ")
        assert alert.data == {}
    assert Alert.objects.filter(kind=event.kind).count() == len(event.bindings)
    assert f"{event.__qualname__} failed" in log.text


@pytest.mark.django_db
@pytest.mark.parametrize("event", MODEL_EVENTS, ids=name)
@pytest.mark.parametrize("how", ["class", "kind", "all"])
def test_it_can_be_muted(event, how):
    with muted(*{"class": [event], "kind": [event.kind], "all": []}[how]):
        fire(event)
    assert not Alert.objects.filter(kind=event.kind).exists()


@pytest.mark.parametrize("event", EVENTS, ids=name)
def test_the_system_checks_have_nothing_to_say_of_it(event):
    assert checks.check_declaration(event) == []
