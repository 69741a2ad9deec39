"""Every transport, and what the relay makes of what a transport raises."""

import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from django.db.models.functions import Now

from accounts.models import User
from alerts import transports
from alerts.events import ModelEvent, muted
from alerts.exceptions import AlertsError, ConnectionLost, DeclarationError, TransportError
from alerts.models import Alert, Delivery
from alerts.outbox import record
from alerts.relay.delivering import Deliverer
from alerts.transports import Session, Transport, registered

TRANSPORTS = [registered[name] for name in sorted(registered)]
FOLDER = Path(transports.__file__).parent


def name(transport):
    return transport.name


def test_every_file_of_the_folder_is_a_transport_or_the_base():
    files = {module.name for module in iter_modules([str(FOLDER)])}
    assert "email" in registered
    assert files - {"base"} == {type(transport).__module__.rpartition(".")[2] for transport in TRANSPORTS}


@pytest.mark.parametrize("transport", TRANSPORTS, ids=name)
def test_it_is_found_by_being_in_the_folder(transport):
    module = sys.modules[type(transport).__module__]
    assert Path(module.__file__ or "").parent == FOLDER
    assert import_module(module.__name__) is module
    assert (module.__doc__ or "").strip()


@pytest.mark.parametrize("transport", TRANSPORTS, ids=name)
def test_its_name_fits_the_log(transport):
    assert registered[transport.name] is transport
    assert 1 <= len(transport.name) <= 40


@pytest.mark.django_db
@pytest.mark.parametrize("transport", TRANSPORTS, ids=name)
def test_a_user_it_cannot_reach_has_no_address(transport):
    with muted():
        nobody = User.objects.create_user("nobody", "")
        somebody = User.objects.create_user("somebody", "somebody@example.org")
    assert transport.address(nobody) == ""
    assert isinstance(transport.address(somebody), str)


@pytest.mark.parametrize("transport", TRANSPORTS, ids=name)
def test_a_session_opens_and_closes_without_a_message_and_closing_twice_is_no_error(transport):
    session = transport.open()
    assert isinstance(session, Session)
    session.close()
    session.close()


def test_a_second_transport_of_a_name_is_refused():
    with pytest.raises(DeclarationError, match=r"named 'email' already\. Rename this one"):

        class Other(type(registered["email"])):  # type: ignore[misc]
            name = "email"


def test_an_error_says_whether_another_try_is_of_use():
    assert TransportError("no").permanent is False
    assert TransportError("no", permanent=True).permanent is True
    assert issubclass(ConnectionLost, TransportError)
    assert issubclass(TransportError, AlertsError)


@pytest.fixture
def pigeon():
    """A transport that keeps what it carried, and fails as told."""

    class Loft(Session):
        def send(self, delivery, recipient):
            if Pigeon.errors:
                raise Pigeon.errors.pop(0)
            Pigeon.carried.append((delivery.address, recipient.username, delivery.alert.title))

        def close(self):
            Pigeon.closed += 1

    class Pigeon(Transport):
        name = "test_pigeon"
        errors: list[Exception] = []
        carried: list[tuple[str, str, str]] = []
        opened = closed = 0

        def address(self, user):
            return f"the loft of {user.username}"

        def open(self):
            Pigeon.opened += 1
            return Loft()

    class News(ModelEvent):
        kind = "test.news"
        transports = ("test_pigeon",)
        title = "x"

    return Pigeon


@pytest.fixture
def deliver(pigeon):
    """Makes deliveries to users of these names, carries them, and gives what became of each."""

    def deliver(*names):
        for username in names:
            with muted():
                user = User.objects.create_user(username)
            alert = record(kind="test.news", audience="everyone", title="News")
            Alert.objects.filter(pk=alert.pk).update(expanded_at=Now())
            Delivery.objects.create(
                alert=alert,
                transport="test_pigeon",
                recipient=str(user.pk),
                address="the old loft",
                next_try=Now() - timedelta(minutes=1),
            )
        Deliverer(registered["test_pigeon"]).deliver()
        return list(Delivery.objects.order_by("pk").values_list("state", "attempts", "reason"))

    return deliver


@pytest.mark.django_db(transaction=True)
class TestWhatTheRelayMakesOfIt:
    def test_a_session_is_opened_once_for_many_and_closed(self, deliver, pigeon):
        assert deliver("ada", "bea", "cyd") == [("sent", 1, "")] * 3
        assert pigeon.carried[0] == ("the loft of ada", "ada", "News")
        assert (len(pigeon.carried), pigeon.opened, pigeon.closed) == (3, 1, 1)

    def test_an_error_makes_one_delivery_wait_and_the_session_goes_on(self, deliver, pigeon):
        pigeon.errors.append(TransportError("rain"))
        assert deliver("ada", "bea") == [("waiting", 1, "rain"), ("sent", 1, "")]
        assert (pigeon.opened, pigeon.closed) == (1, 1)

    def test_a_permanent_error_is_the_end_of_one_delivery(self, deliver, pigeon):
        pigeon.errors.append(TransportError("a hawk", permanent=True))
        assert deliver("ada", "bea") == [("dead", 1, "a hawk"), ("sent", 1, "")]

    def test_a_lost_connection_makes_a_new_session(self, deliver, pigeon):
        pigeon.errors.append(ConnectionLost("flown away"))
        assert deliver("ada", "bea") == [("waiting", 1, "flown away"), ("sent", 1, "")]
        assert (pigeon.opened, pigeon.closed) == (2, 2)

    def test_a_bug_of_the_transport_makes_one_delivery_wait(self, deliver, pigeon, log):
        pigeon.errors.append(LookupError("a bug"))
        assert deliver("ada", "bea") == [("waiting", 1, "LookupError: a bug"), ("sent", 1, "")]
        assert (pigeon.opened, pigeon.closed) == (2, 2)
        assert "Traceback" in log.text

    def test_a_bug_before_the_session_is_open_makes_all_wait(self, deliver, pigeon, monkeypatch, log):
        def fail(self):
            raise LookupError("a bug")

        monkeypatch.setattr(pigeon, "open", fail)
        assert deliver("ada", "bea") == [("waiting", 1, "LookupError: a bug")] * 2
        assert "Traceback" in log.text

    def test_a_bug_in_the_address_of_one_holds_up_no_other(self, deliver, pigeon, monkeypatch, log):
        address = pigeon.address

        def fail(self, user):
            if user.username == "ada":
                raise LookupError("a bug")
            return address(self, user)

        monkeypatch.setattr(pigeon, "address", fail)
        assert deliver("ada", "bea") == [("waiting", 1, "LookupError: a bug"), ("sent", 1, "")]
