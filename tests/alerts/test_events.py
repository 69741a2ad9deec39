import pytest
from django.contrib.auth.models import Group
from django.db.models.signals import m2m_changed, post_save, pre_delete
from django.dispatch import Signal

from alerts import events
from alerts.audiences import SUPERUSERS, Staff, Subject
from alerts.events import ModelEvent, SignalEvent, alert_on, muted
from alerts.exceptions import DeclarationError
from alerts.models import Alert
from posts.alerts import PostDeletion
from posts.models import Post

pytestmark = pytest.mark.django_db
invited = Signal()


def told(kind="test.saved"):
    return list(Alert.objects.filter(kind=kind).order_by("seq"))


@pytest.fixture
def saved():
    @alert_on(post_save, sender=Group)
    class Saved(ModelEvent):
        kind = "test.saved"
        title = "{name} saved"

        def snapshot(self, group):
            return {"name": group.name}

    return Saved


# --- what a declaration says ---


def test_title_body_and_url_are_filled_from_the_snapshot_the_key_and_the_count():
    @alert_on(post_save, sender=Group)
    class Saved(ModelEvent):
        kind = "test.saved"
        level = "critical"
        title = "{name} saved"
        body = "{count} of {pk}"
        url = "/groups/{pk}/"

        def snapshot(self, group):
            return {"name": group.name}

    group = Group.objects.create(name="editors")
    [alert] = told()
    assert (alert.title, alert.body, alert.url) == ("editors saved", f"1 of {group.pk}", f"/groups/{group.pk}/")
    assert (alert.level, alert.audience, alert.data) == ("critical", "staff", {"name": "editors"})
    assert alert.subjects == [{"model": "auth.group", "pk": str(group.pk), "label": "editors"}]


def test_methods_take_the_signal_arguments_they_name_and_no_more():
    @alert_on(post_save, sender=Group)
    class Saved(ModelEvent):
        kind = "test.saved"
        title = "{fields} {using}"

        def applies(self, group, created):
            return not created

        def snapshot(self, group, update_fields, **arguments):
            return {"fields": sorted(update_fields), "using": arguments["using"]}

    group = Group.objects.create(name="editors")
    group.save(update_fields=["name"])
    assert [alert.title for alert in told()] == ["['name'] default"]


def test_a_label_of_its_own_names_the_rows():
    @alert_on(post_save, sender=Group)
    class Saved(ModelEvent):
        kind = "test.saved"
        title = "saved"

        def label(self, group):
            return f"the {group.name}"

    Group.objects.create(name="editors")
    assert told()[0].subjects[0]["label"] == "the editors"


def test_one_class_may_hear_several_signals():
    @alert_on(post_save, pre_delete, sender=Group)
    class Touched(ModelEvent):
        kind = "test.saved"
        title = "touched"

    Group.objects.create(name="editors").delete()
    assert len(told()) == 2


# --- what breaks in a declaration breaks nothing else ---


class Unprintable:
    def __str__(self):
        raise LookupError("no name")


def explode(*_, **__):
    raise LookupError("broken")


BROKEN = {
    "applies": {"applies": explode},
    "snapshot": {"snapshot": explode},
    "snapshot that is a list": {"snapshot": lambda self, row: [("title", row.title)]},
    "snapshot that is nothing": {"snapshot": lambda self, row: None},
    "snapshot that is no JSON": {"snapshot": lambda self, row: {"row": row}},
    "snapshot of numbers nobody can print": {"snapshot": lambda self, row: {"row": 10**5000}},
    "label": {"label": explode},
    "title": {"title": "{there_is_no_such_name}"},
    "title that is no format string": {"title": "{"},
    "body": {"title": "fine", "body": "{nothing.at.all}"},
    "url": {"title": "fine", "url": "{0}"},
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_declaration_gives_a_default_text_is_logged_and_the_delete_succeeds(ada, log, broken):
    body = {"kind": "test.broken", "title": "fine", **broken}
    alert_on(pre_delete, sender=Post)(type("Broken", (ModelEvent,), body))
    Post.objects.create(title="First", author=ada).delete()
    [alert] = told("test.broken")
    assert (alert.title, alert.body, alert.url) == ("test.broken: First", "", "")
    assert not Post.objects.exists()
    assert any("Mend the declaration" in record.message for record in log.records)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_declaration_survives_an_act_of_many_rows(ada, broken):
    body = {"kind": "test.broken", "title": "fine", **broken}
    alert_on(pre_delete, sender=Post)(type("Broken", (ModelEvent,), body))
    Post.objects.bulk_create([Post(title=f"Post {number}", author=ada) for number in range(3)])
    Post.objects.all().delete()
    assert [alert.count for alert in told("test.broken")] == [3]


def test_a_broken_audience_tells_superusers(ada, log):
    @alert_on(pre_delete, sender=Post)
    class Broken(ModelEvent):
        kind = "test.broken"
        audience = Subject("nobody.at.all")
        title = "{title}"

        def snapshot(self, post):
            return {"title": post.title}

    Post.objects.create(title="First", author=ada).delete()
    [alert] = told("test.broken")
    assert (alert.audience, alert.title) == (SUPERUSERS, "First")
    assert "Broken failed" in log.text


def test_a_row_without_a_name_has_its_kind_and_key(ada, monkeypatch):
    monkeypatch.setattr(Post, "__str__", explode)
    post = Post.objects.create(title="First", author=ada)
    pk = post.pk
    post.delete()
    assert told("post.deletion")[0].subjects[0]["label"] == f"post {pk}"


def test_a_related_object_that_cannot_be_loaded_is_logged_and_breaks_nothing(ada, log):
    @alert_on(pre_delete, sender=Post)
    class Broken(ModelEvent):
        kind = "test.broken"
        related = ("nothing",)
        title = "fine"

    Post.objects.create(title="First", author=ada).delete()
    assert [alert.title for alert in told("test.broken")] == ["fine"]
    assert "could not be loaded" in log.text


# --- a declaration that cannot work is refused when it is read ---


def test_a_second_class_of_a_kind_is_refused_and_both_are_named():
    class First(ModelEvent):
        kind = "test.same"
        title = "x"

    with pytest.raises(DeclarationError, match=r"(?s)Second.*First.*another kind"):

        class Second(ModelEvent):
            kind = "test.same"
            title = "x"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"title": ""}, "there is no title. Write title"),
        ({"kind": "x" * 101}, "longer than 100 characters. Shorten it"),
        ({"level": "shouting"}, "'shouting' is no level. Use one of info"),
        ({"audience": 7}, r"audience is 7. Use Staff\(\)"),
        ({"transports": "email"}, r"Write transports = \('email',\)"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused_with_its_name_and_the_cure(body, words):
    with pytest.raises(DeclarationError, match=f"test_events.Wrong: .*{words}"):
        type("Wrong", (ModelEvent,), {"__module__": __name__, "kind": "test.wrong", "title": "x", **body})


def test_a_class_without_a_kind_is_a_base_and_cannot_be_bound():
    class Base(ModelEvent):
        title = "x"

    with pytest.raises(DeclarationError, match=r"Base has no kind\. Write kind = 'app\.event'"):
        alert_on(post_save, sender=Group)(Base)


@pytest.mark.parametrize(
    ("base", "signal", "options", "words"),
    [
        (SignalEvent, post_save, {"sender": Group}, "derive it from ModelEvent"),
        (ModelEvent, invited, {}, "derive it from SignalEvent"),
        (ModelEvent, post_save, {}, "name the model. Write @alert_on"),
        (ModelEvent, m2m_changed, {"sender": Group}, "needs field="),
        (ModelEvent, post_save, {"sender": Group, "field": "permissions"}, "m2m_changed, and it alone"),
        (ModelEvent, post_save, {"sender": "posts.Nothing"}, "there is no model 'posts.Nothing'. Write 'app.Model'"),
        (ModelEvent, post_save, {"sender": int}, "is no model. Write sender=TheModel"),
        (ModelEvent, m2m_changed, {"sender": Group, "field": "nothing"}, "Group has no field 'nothing'"),
    ],
)
def test_a_binding_that_cannot_work_is_refused_with_the_cure(base, signal, options, words):
    event = type("Wrong", (base,), {"kind": "test.wrong", "title": "x"})
    with pytest.raises(DeclarationError, match=f"Wrong: .*{words}"):
        alert_on(signal, **options)(event)


# --- silence ---


def test_muted_silences_a_class_a_kind_or_all_in_its_block_and_no_longer(saved):
    for silence in (muted(saved), muted("test.saved"), muted(), muted("other.kind", saved)):
        with silence:
            Group.objects.create(name=f"muted {len(told())}").delete()
    assert told() == []
    with muted(PostDeletion):
        Group.objects.create(name="heard")
    assert len(told()) == 1


def test_muted_blocks_nest_and_end_when_they_fail(saved):
    with pytest.raises(LookupError), muted("other.kind"), muted(saved):
        raise LookupError
    with muted(saved):
        with muted("other.kind"):
            Group.objects.create(name="one")
        Group.objects.create(name="two")
    assert told() == []
    Group.objects.create(name="three")
    assert len(told()) == 1


def test_muted_is_a_decorator_as_well(saved):
    @muted(saved)
    def create():
        return Group.objects.create(name="editors")

    create()
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_muted_here_is_heard_in_another_thread(saved, at_once):
    with muted():
        assert at_once(lambda: Group.objects.create(name="editors").name) == ["editors"]
    assert len(told()) == 1


def test_disconnect_is_for_the_process_and_connect_takes_it_back_once(saved):
    saved.disconnect()
    saved.disconnect()
    Group.objects.create(name="one")
    assert told() == []
    saved.connect()
    saved.connect()
    Group.objects.create(name="two")
    assert [alert.title for alert in told()] == ["two saved"]


def test_all_declarations_are_disconnected_and_connected_at_once(saved, ada):
    events.disconnect()
    try:
        Group.objects.create(name="one")
        Post.objects.create(title="First", author=ada).delete()
    finally:
        events.connect()
    assert told() == told("post.deletion") == []
    Group.objects.create(name="two")
    assert len(told()) == 1


# --- signals of one's own ---


def test_a_signal_of_ones_own_raises_an_alert_for_the_user_it_names(ada):
    @alert_on(invited)
    class Invited(SignalEvent):
        kind = "test.invited"
        audience = Subject("user")
        title = "{who} was invited to {count} group"
        url = "/groups/{pk}/"

        def snapshot(self, sender, user):
            return {"who": user.get_username()}

        def subjects(self, sender, group):
            return [group]

    group = Group.objects.create(name="editors")
    invited.send(sender=None, user=ada, group=group, more="x")
    [alert] = told("test.invited")
    assert (alert.audience, alert.title, alert.url) == (
        f"user:{ada.pk}",
        "ada was invited to 1 group",
        f"/groups/{group.pk}/",
    )
    assert alert.subjects == [{"model": "auth.group", "pk": str(group.pk), "label": "editors"}]


def test_a_signal_is_heard_from_the_named_sender_alone():
    @alert_on(invited, sender=Group)
    class Invited(SignalEvent):
        kind = "test.invited"
        audience = Staff()
        title = "x"

    invited.send(sender=Post)
    assert told("test.invited") == []
    invited.send(sender=Group)
    assert len(told("test.invited")) == 1


def test_a_signal_that_does_not_apply_or_is_muted_is_silent():
    @alert_on(invited)
    class Invited(SignalEvent):
        kind = "test.invited"
        title = "x"

        def applies(self, sender, wanted):
            return wanted

    invited.send(sender=None, wanted=False)
    with muted(Invited):
        invited.send(sender=None, wanted=True)
    assert told("test.invited") == []


@pytest.mark.parametrize(
    "broken",
    [
        {"applies": explode},
        {"snapshot": explode},
        {"snapshot": lambda self, sender: None},
        {"subjects": explode},
        {"subjects": lambda self, sender: [None]},
        {"subjects": lambda self, sender: ["text"]},
        {"title": "{nothing}"},
    ],
)
def test_a_broken_declaration_never_breaks_who_sends_the_signal(broken, log):
    alert_on(invited)(type("Broken", (SignalEvent,), {"kind": "test.broken", "title": "fine", **broken}))
    invited.send(sender=None)
    [alert] = told("test.broken")
    assert (alert.title, alert.subjects, alert.count) == ("test.broken", [], 1)
    assert "Mend the declaration" in log.text


def test_a_signal_without_the_user_its_audience_names_tells_superusers(log):
    @alert_on(invited)
    class Invited(SignalEvent):
        kind = "test.invited"
        audience = Subject("user")
        title = "x"

    invited.send(sender=None)
    assert told("test.invited")[0].audience == SUPERUSERS
