import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction
from django.db.models.signals import pre_delete
from django.dispatch import Signal
from django.test.utils import CaptureQueriesContext

from alerts.audiences import SUPERUSERS, Audience
from alerts.events import ModelEvent, SignalEvent, alert_on
from alerts.guard import Guard
from alerts.models import Alert
from posts.models import Post

pytestmark = pytest.mark.django_db(transaction=True)


def ask(sql="SELECT * FROM there_is_no_such_table"):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def fail(*_, **__):
    ask()


def swallow(*_, **__):
    try:
        ask()
    except DatabaseError:
        return {}


def fail_to_save(*_, **__):
    Group.objects.create(name="editors")


def swallow_failed_save(*_, **__):
    try:
        Group.objects.create(name="editors")
    except DatabaseError:
        return {}


@pytest.fixture
def post(ada):
    Group.objects.create(name="editors")
    return Post.objects.create(title="First", author=ada)


@pytest.mark.parametrize("broken", [fail, swallow, fail_to_save, swallow_failed_save])
@pytest.mark.parametrize("method", ["applies", "snapshot", "label"])
def test_failed_sql_of_a_declaration_breaks_no_delete(post, broken, method):
    body = {"kind": "test.broken", "title": "fine", method: broken}
    alert_on(pre_delete, sender=Post)(type("Broken", (ModelEvent,), body))
    with transaction.atomic():
        post.delete()
        assert not Post.objects.exists()
    assert not Post.objects.exists()
    assert Alert.objects.filter(kind="post.deletion").count() == 1
    # An `applies` that swallows its failure and answers nothing says: no alert.
    told = 0 if method == "applies" and broken in (swallow, swallow_failed_save) else 1
    assert Alert.objects.filter(kind="test.broken").count() == told


def test_failed_sql_of_an_audience_breaks_no_delete(post):
    class Strange(Audience):
        def key(self, about):
            ask()
            return "staff"

    class Broken(ModelEvent):
        kind = "test.broken"
        audience = Strange()
        title = "fine"

    alert_on(pre_delete, sender=Post)(Broken)
    post.delete()
    assert Alert.objects.get(kind="test.broken").audience == SUPERUSERS


def test_failed_sql_of_a_declaration_breaks_no_signal_of_ones_own():
    sent = Signal()
    alert_on(sent)(type("Broken", (SignalEvent,), {"kind": "test.broken", "title": "fine", "snapshot": fail}))
    with transaction.atomic():
        sent.send(sender=None)
        Group.objects.create(name="editors")
    assert Alert.objects.get(kind="test.broken").title == "test.broken"
    assert Group.objects.exists()


def fail_after_a_write():
    Group.objects.create(name="editors")
    ask()


def statements(block):
    with CaptureQueriesContext(connection) as queries:
        block()
    return [query["sql"].split(" ")[0] for query in queries]


def test_a_block_that_asks_nothing_costs_nothing():
    def block():
        with transaction.atomic(), Guard(connection):
            pass

    assert not [word for word in statements(block) if word in ("SAVEPOINT", "RELEASE")]


def test_a_block_that_asks_has_one_savepoint():
    def block():
        with transaction.atomic(), Guard(connection):
            ask("SELECT 1")
            ask("SELECT 2")

    assert [word for word in statements(block) if word != "BEGIN"] == [
        "SAVEPOINT",
        "SELECT",
        "SELECT",
        "RELEASE",
        "COMMIT",
    ]


def test_what_raises_in_the_block_goes_on_and_takes_its_writes_back():
    with transaction.atomic():
        with pytest.raises(DatabaseError), Guard(connection):
            fail_after_a_write()
        Group.objects.create(name="writers")
    assert [group.name for group in Group.objects.all()] == ["writers"]


def test_guards_nest():
    before = list(connection.execute_wrappers)
    with transaction.atomic(), Guard(connection):
        Group.objects.create(name="outer")
        with pytest.raises(DatabaseError), Guard(connection):
            fail_after_a_write()
        Group.objects.create(name="kept")
    assert sorted(group.name for group in Group.objects.all()) == ["kept", "outer"]
    assert connection.execute_wrappers == before


def test_outside_a_transaction_there_is_nothing_to_guard():
    with pytest.raises(DatabaseError), Guard(connection):
        ask()
    with Guard(connection):
        Group.objects.create(name="editors")
    assert Group.objects.exists()
