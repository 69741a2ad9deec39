import pytest
from django.db import OperationalError

from accounts.models import User
from alerts.events import muted
from consumers.identity import Identity, Person, identify_all
from consumers.rights import signatures
from tests.consumers.conftest import session_of


@pytest.fixture
def bob(db) -> User:
    with muted():
        return User.objects.create_user("bob", is_staff=True)


def test_an_identity_is_all_a_socket_needs_to_know(bob):
    (identity,) = identify_all([session_of(bob)]).values()
    assert isinstance(identity, Identity)
    assert (identity.user, identity.own_key) == (Person(bob.pk, "bob"), f"user:{bob.pk}")
    assert identity.keys == {"everyone", "staff", f"user:{bob.pk}"}
    assert (identity.reading.read_up_to, identity.reading.version, identity.reading.marks) == (identity.head, 0, ())
    assert identity.signature == signatures([str(bob.pk)])[str(bob.pk)]


@pytest.mark.parametrize("fields", [{"is_active": False}, {"password": "!another"}])
def test_who_may_not_sign_in_any_more_has_no_identity(bob, fields):
    session = session_of(bob)
    User.objects.filter(pk=bob.pk).update(**fields)
    assert identify_all([session]) == {session: None}


def test_what_is_raised_over_one_session_takes_no_other_with_it(bob, monkeypatch):
    with muted():
        broken, others = User.objects.create_user("broken"), [User.objects.create_user(f"{n}") for n in range(2)]
    sessions = [session_of(user) for user in (others[0], broken, bob, others[1])]
    get_username = User.get_username
    monkeypatch.setattr(User, "get_username", lambda user: 1 / 0 if user.pk == broken.pk else get_username(user))
    outcomes = [identify_all([*sessions, "forged"])[session] for session in [*sessions, "forged"]]
    assert isinstance(outcomes[1], ZeroDivisionError)
    assert [outcome.user.name for outcome in outcomes if isinstance(outcome, Identity)] == ["0", "bob", "1"]
    assert outcomes[4] is None


def test_a_database_out_of_reach_fails_all(bob, monkeypatch):
    def fail(users):
        raise OperationalError("the server has gone away")

    monkeypatch.setattr("alerts.reads.readings", fail)
    with pytest.raises(OperationalError):
        identify_all([session_of(bob), "forged"])


def test_many_are_identified_in_as_many_queries_as_one(bob, django_assert_num_queries):
    with muted():
        others = [User.objects.create_user(f"user {number}", is_staff=True) for number in range(4)]
    sessions = [session_of(user) for user in (bob, *others)]
    identify_all(sessions)  # their read states are made
    for some in sessions, sessions[:1]:
        with django_assert_num_queries(7) as asked:
            identify_all(some)
        assert not any("alerts_alert" in query["sql"] for query in asked)
