import json

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from alerts.events import ModelEvent, alert_on
from alerts.models import Alert

pytestmark = pytest.mark.django_db


def told(kind="test.heard"):
    return list(Alert.objects.filter(kind=kind).order_by("seq"))


def declare(*signals, sender=Group, field="", **body):
    event = type("Heard", (ModelEvent,), {"kind": "test.heard", "title": "heard", **body})
    return alert_on(*signals, sender=sender, field=field)(event)


# --- senders ---


def test_a_proxy_is_heard_as_its_model_is(define):
    proxy = define("GroupProxy", Group, proxy=True)
    declare(post_save, pre_delete)
    group = proxy.objects.create(name="editors")
    assert told()[0].subjects == [{"model": "auth.group", "pk": str(group.pk), "label": "editors"}]
    group.delete()
    proxy.objects.create(name="writers")
    proxy.objects.all().delete()
    assert [alert.subjects[0]["model"] for alert in told()] == ["auth.group"] * 4


def test_a_proxy_may_be_declared_by_itself(define):
    proxy = define("GroupProxy", Group, proxy=True)
    declare(post_save, sender=proxy)
    Group.objects.create(name="editors")
    assert told() == []
    proxy.objects.create(name="writers")
    assert len(told()) == 1


def test_a_model_may_be_named_by_text():
    declare(post_save, sender="auth.Group")
    Group.objects.create(name="editors")
    assert len(told()) == 1


@pytest.mark.parametrize(("children", "count"), [(False, 0), (True, 1)])
def test_the_save_of_an_inheritance_child_is_heard_only_when_asked_for(define, children, count):
    child = define("GroupChild", Group)
    declare(post_save, children=children)
    post_save.send(sender=child, instance=child(name="x"), created=True, raw=False, using="default", update_fields=None)
    assert len(told()) == count


def test_the_delete_of_an_inheritance_child_is_heard_once(define, is_postgres):
    child = define("GroupChild", Group)
    event = declare(pre_delete, children=True)
    [binding] = event.bindings
    assert child not in binding.senders(), "its parent's row goes with it, and that is heard"


def test_the_models_of_an_abstract_base_are_heard_when_asked_for(define):
    base = define("Base", models.Model, abstract=True)
    try:
        concrete = define("Concrete", base)
        event = declare(post_save, pre_delete, sender=base, children=True)
        for binding in event.bindings:
            assert concrete in binding.senders()
    finally:
        # An abstract model is in no registry to be taken out of.
        define.__closure__[0].cell_contents.remove(base)


# --- saves ---


def test_a_save_costs_one_insert_more():
    group = Group.objects.create(name="editors")
    with CaptureQueriesContext(connection) as without:
        group.save()
    declare(post_save)
    with CaptureQueriesContext(connection) as queries:
        group.save()
    more = [query["sql"].split(" ")[0] for query in queries]
    for query in without:
        more.remove(query["sql"].split(" ")[0])
    assert more == ["INSERT"]


def test_a_fixture_is_no_news(tmp_path):
    declare(post_save, pre_save)
    fixture = tmp_path / "groups.json"
    fixture.write_text(json.dumps([{"model": "auth.group", "pk": 1, "fields": {"name": "editors"}}]))
    call_command("loaddata", str(fixture), verbosity=0)
    assert Group.objects.get().name == "editors"
    assert told() == []


def test_a_pre_save_alert_has_the_snapshot_of_before_and_the_key_of_after():
    class Renamed:
        title = "{old} is now {new}, {pk}"

        def snapshot(self, group):
            old = Group.objects.filter(pk=group.pk).values_list("name", flat=True).first()
            return {"old": old, "new": group.name}

    declare(pre_save, title=Renamed.title, snapshot=Renamed.snapshot)
    group = Group.objects.create(name="editors")
    group.name = "writers"
    group.save()
    assert [alert.title for alert in told()] == [
        f"None is now editors, {group.pk}",
        f"editors is now writers, {group.pk}",
    ]
    assert told()[0].subjects[0]["pk"] == str(group.pk)


@pytest.mark.django_db(transaction=True)
def test_a_pre_save_alert_outside_a_transaction_waits_for_the_save():
    declare(pre_save)
    Group.objects.create(name="editors")
    assert len(told()) == 1
    twin = Group(name="editors")
    with pytest.raises(IntegrityError):
        twin.save()
    assert len(told()) == 1, "a save that failed is no news"
    twin.name = "writers"
    twin.save()
    assert len(told()) == 2


def test_a_pre_save_alert_of_a_failed_save_is_not_told_with_the_next():
    declare(pre_save, applies=lambda self, group: group.name != "silent")
    Group.objects.create(name="editors")
    twin = Group(name="editors")
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()
    twin.name = "silent"
    twin.save()
    assert len(told()) == 1


def test_a_save_rolled_back_is_no_news():
    declare(post_save, pre_save)
    with transaction.atomic():
        Group.objects.create(name="editors")
        transaction.set_rollback(True)
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_a_save_inside_atomic_and_its_alert_are_committed_together(ada):
    declare(post_save)
    with transaction.atomic():
        Group.objects.create(name="editors")
        assert len(told()) == 1
        transaction.set_rollback(True)
    assert told() == []
    assert not Group.objects.exists()


# --- many-to-many ---


@pytest.fixture
def changed():
    return declare(
        m2m_changed,
        sender=User,
        field="groups",
        title="{name}: {action} {count}",
        snapshot=lambda self, user, action: {"name": user.get_username(), "action": action},
    )


def test_a_many_to_many_field_is_heard_from_its_own_side(ada, changed):
    group = Group.objects.create(name="editors")
    ada.groups.add(group)
    ada.groups.add(group)
    ada.groups.remove(group)
    ada.groups.set([group])
    ada.groups.clear()
    assert [alert.title for alert in told()] == [
        "ada: post_add 1",
        "ada: post_remove 1",
        "ada: post_add 1",
        "ada: post_clear 1",
    ]
    assert told()[0].subjects[0] == {"model": "accounts.user", "pk": str(ada.pk), "label": "ada"}


def test_a_many_to_many_field_is_heard_from_the_other_side_as_one_act(ada, changed):
    group = Group.objects.create(name="editors")
    bea = User.objects.create_user("bea")
    group.user_set.add(ada, bea)
    [alert] = told()
    assert (alert.count, alert.title) == (2, "ada: post_add 2 and 1 more")
    assert alert.cause == {"model": "auth.group", "pk": str(group.pk), "label": "editors"}
    group.user_set.remove(bea)
    assert [row["label"] for row in told()[1].subjects] == ["bea"]


def test_a_clear_from_the_other_side_names_the_rows_it_touched(ada, changed):
    group = Group.objects.create(name="editors")
    User.objects.create_user("bea")
    ada.groups.add(group)
    group.user_set.clear()
    cleared = told()[1]
    assert ([row["label"] for row in cleared.subjects], cleared.count) == (["ada"], 1)
    group.user_set.clear()
    assert len(told()) == 2, "there was nothing to clear"


def test_a_clear_of_nothing_is_no_news(ada, changed):
    ada.groups.clear()
    assert told() == []


def test_another_field_of_the_model_is_not_heard(ada, changed):
    ada.user_permissions.add(Permission.objects.first())
    assert told() == []
