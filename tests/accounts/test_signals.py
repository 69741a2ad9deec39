import logging

import pytest
from django.contrib.auth import authenticate
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from alerts import reads
from alerts.models import ReadMark, ReadState
from alerts.outbox import record
from alerts.preferences import set_level
from alerts.relay.bell import bell

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "canary-in-the-password"


@pytest.fixture
def ada():
    return User.objects.create_user("ada", "ada@example.org", PASSWORD)


@pytest.fixture
def log(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("accounts"), "propagate", True)
    caplog.set_level(logging.DEBUG)
    return caplog


def lines(log):
    return [record.getMessage() for record in log.records if record.name == "accounts"]


def sign_in(client, username, password, **headers):
    return client.post("/accounts/login/", {"username": username, "password": password}, **headers)


class TestLoggedSignIns:
    def test_signing_in_and_out(self, client, ada, log):
        sign_in(client, "ADA@example.org", PASSWORD)
        client.post("/accounts/logout/")
        assert lines(log) == ["Sign-in: address=127.0.0.1 user=ada", "Sign-out: address=127.0.0.1 user=ada"]

    def test_signing_out_without_being_signed_in_is_no_news(self, client, log, db):
        client.post("/accounts/logout/")
        assert lines(log) == []

    @pytest.mark.parametrize("username", ["ada", "nobody"])
    def test_a_failed_sign_in_is_a_warning_whether_the_user_exists_or_not(self, client, ada, log, username):
        sign_in(client, username, "wrong")
        assert lines(log) == [f"Failed sign-in: address=127.0.0.1 user={username}"]
        assert [record.levelname for record in log.records if record.name == "accounts"] == ["WARNING"]

    def test_neither_password_nor_cookie_nor_token_is_ever_logged(self, ada, log):
        client = Client(enforce_csrf_checks=True)
        secrets = {PASSWORD, "another canary"}
        for password in ("another canary", PASSWORD):
            client.get("/accounts/login/")
            token = client.cookies["csrftoken"].value
            sign_in(client, "ada", password, HTTP_X_CSRFTOKEN=token)
            secrets |= {token} | {morsel.value for morsel in client.cookies.values()}
        authenticate(None, username="ada", password="another canary", token="a third canary")
        assert len(lines(log)) == 3
        assert len(secrets) > 3
        said = [str(vars(record)) for record in log.records if record.name == "accounts"]
        for secret in secrets | {"a third canary"}:
            assert not any(secret in line for line in said)

    def test_a_name_can_neither_begin_a_line_of_its_own_nor_forge_what_stands_before_it(self, client, log):
        sign_in(client, "x\r\nFailed sign-in: address=192.0.2.9 user=y\x1b[2K\u2028", "wrong")
        [line] = lines(log)
        assert line.isprintable()
        assert line.startswith("Failed sign-in: address=127.0.0.1 user=x")

    def test_a_name_without_end_is_cut(self, log):
        authenticate(None, username="x" * 10_000, password="wrong")
        [line] = lines(log)
        assert len(line) < 300

    def test_without_a_request_the_address_is_a_dash(self, log):
        authenticate(None, username="ada", password="wrong")
        assert lines(log) == ["Failed sign-in: address=- user=ada"]

    @pytest.mark.parametrize(
        ("proxies", "address"), [([], "127.0.0.1"), (["127.0.0.1"], "198.51.100.7"), (["192.0.2.1"], "127.0.0.1")]
    )
    def test_a_forwarded_address_counts_from_a_declared_proxy_alone(self, client, log, settings, proxies, address):
        settings.ALERTS = settings.ALERTS | {"TRUSTED_PROXY": proxies}
        sign_in(client, "ada", "wrong", HTTP_X_FORWARDED_FOR="203.0.113.1, 198.51.100.7")
        assert lines(log) == [f"Failed sign-in: address={address} user=ada"]

    def test_an_address_of_several_words_is_one(self, client, log, settings):
        settings.ALERTS = settings.ALERTS | {"TRUSTED_PROXY": ["127.0.0.1"]}
        sign_in(client, "ada", "wrong", HTTP_X_FORWARDED_FOR="198.51.100.7 user=root")
        assert lines(log) == ["Failed sign-in: address=198.51.100.7_user=root user=ada"]


class TestLoggedRights:
    def test_rights_given_in_the_admin_are_logged_with_who_gave_them(self, admin_client, ada, log):
        fields = {"username": "ada", "email": ada.email, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
        fields |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
        response = admin_client.post(f"/admin/accounts/user/{ada.pk}/change/", fields)
        assert response.status_code == 302
        assert "Rights of ada were changed by admin: is_staff on, is_superuser on." in lines(log)

    def test_nothing_is_logged_of_other_fields_nor_after_a_rollback(self, ada, log):
        ada.first_name = "Ada"
        ada.save()
        ada.is_staff = True
        ada.save(update_fields=["first_name"])
        with transaction.atomic():
            ada.save()
            transaction.set_rollback(True)
        assert lines(log) == []

    def test_a_save_that_failed_is_not_told_of_by_the_next(self, ada, log):
        User.objects.create_user("bea", "bea@example.org")
        ada.is_staff, ada.email = True, "bea@example.org"
        with pytest.raises(IntegrityError):
            ada.save()
        ada.save(update_fields=["last_login"])
        assert lines(log) == []

    def test_a_new_user_has_no_changed_rights(self, log):
        User.objects.create_superuser("root", password=PASSWORD)
        assert lines(log) == []

    def test_a_fixture_changes_rights_in_silence(self, ada, log, tmp_path):
        fixture = tmp_path / "users.json"
        with fixture.open("w") as file:
            call_command("dumpdata", "accounts.user", stdout=file)
        User.objects.update(is_active=False)
        call_command("loaddata", str(fixture), verbosity=0)
        assert User.objects.get().is_active
        assert lines(log) == []

    def test_a_save_that_cannot_change_rights_costs_no_query(self, ada):
        def reads_of(**options):
            with CaptureQueriesContext(connection) as queries:
                ada.save(**options)
            return sum(query["sql"].startswith("SELECT") for query in queries)

        assert (reads_of(), reads_of(update_fields=["last_login"])) == (1, 0)


class TestCleanUp:
    @pytest.fixture
    def reader(self, ada):
        reads.state_of(ada)
        set_level(ada, "warning")
        alert = record(kind="test.news", audience="everyone", title="News")
        bell.number_all()
        reads.mark(ada, ["everyone"], [alert.uid], is_read=True)
        assert kept(ada.pk) == [True, True]
        return ada

    def test_what_a_user_has_read_goes_with_them_and_nobody_elses(self, reader):
        bea = User.objects.create_user("bea")
        reads.state_of(bea)
        pk = reader.pk
        reader.delete()
        assert kept(pk) == [False, False]
        assert ReadState.objects.get().user == str(bea.pk)

    def test_a_deletion_rolled_back_has_removed_nothing(self, reader):
        pk = reader.pk
        with transaction.atomic():
            reader.delete()
            assert kept(pk) == [False, False]
            transaction.set_rollback(True)
        assert User.objects.filter(pk=pk).exists()
        assert kept(pk) == [True, True]


class TestTheWelcomeMail:
    def test_it_is_sent_by_the_relay_and_not_by_the_save(self):
        User.objects.create_user("ada", "ada@example.org")
        assert mail.outbox == []
        call_command("relay", "--once")
        [message] = mail.outbox
        assert message.to == ["ada@example.org"]
        call_command("relay", "--once")
        assert len(mail.outbox) == 1

    def test_a_registration_rolled_back_sends_none(self):
        with transaction.atomic():
            User.objects.create_user("ada", "ada@example.org")
            transaction.set_rollback(True)
        call_command("relay", "--once")
        assert mail.outbox == []


def kept(pk):
    return [model.objects.filter(user=str(pk)).exists() for model in (ReadState, ReadMark)]
