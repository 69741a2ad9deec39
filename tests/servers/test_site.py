import pytest

from tests.servers.ports import answers
from tests.servers.visitor import Visitor


@pytest.mark.parametrize("engine", ["uvicorn", "daphne"])
def test_a_user_signs_in_over_http_and_stays_signed_in_after_a_crash(any_site, engine):
    any_site.create_user("ann", email="ann@example.org")
    server = any_site.serve(engine)
    ann = any_site.sign_in(server, "ann")
    assert "sessionid=" in ann.cookie
    server.kill()
    assert not answers(server.port)
    server.start()
    assert ann.get("/accounts/session").status == 204
    assert Visitor(server.url).get("/accounts/session").status == 401


def test_a_wrong_password_is_not_let_in(site):
    site.create_user("ann")
    server = site.serve()
    with pytest.raises(AssertionError, match="ann could not sign in"):
        site.sign_in(server, "ann", "wrong")


def test_scripts_commands_and_servers_share_one_database(site):
    site.create_users({"username": "ann", "is_staff": True, "permissions": ["posts.view_post"]})
    count = "from django.contrib.auth import get_user_model as u; print(u().objects.count())"
    assert site.python(count).strip() == "1"
    assert site.manage("shell", "--no-imports", "--command", count).stdout.strip() == "1"
    allowed = "u().objects.get().has_perm('posts.view_post')"
    assert site.python(f"from django.contrib.auth import get_user_model as u; print({allowed})").strip() == "True"


def test_two_sites_share_nothing(make_sqlite_site):
    first, second = make_sqlite_site(), make_sqlite_site()
    first.create_user("ann")
    assert second.python("from accounts.models import User; print(User.objects.count())").strip() == "0"


def test_a_script_that_fails_says_why(site):
    with pytest.raises(AssertionError, match="no such luck"):
        site.python("raise SystemExit('no such luck')")


def test_a_server_that_cannot_start_says_why(site):
    with pytest.raises(RuntimeError, match="SECRET_KEY"):
        site.serve(DEBUG="off", SECRET_KEY="")


def test_a_relay_runs_beside_the_servers_and_ends_when_told(make_sqlite_site):
    relay = make_sqlite_site(ALERTS_RELAY="off").relay()
    assert relay.is_running
    relay.terminate()
    assert not relay.is_running


def test_the_environment_of_a_developer_has_no_say(make_sqlite_site, monkeypatch):
    monkeypatch.setenv("SITE_NAME", "the developer's own")
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@nowhere/nothing")
    site = make_sqlite_site()
    assert site.python("from django.conf import settings; print(settings.SITE_NAME)").strip() == "Alerts"


def test_a_process_ends_with_its_site(make_sqlite_site):
    with make_sqlite_site() as site:
        script = site.start_python("import time, sys; print('here', *sys.argv[1:], flush=True); time.sleep(60)", "I am")
        script.wait_for_log("here I am")
    assert not script.is_running
