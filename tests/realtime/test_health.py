"""`/healthz`, `/readyz` and `/metrics` over real HTTP, while databases and layers come and go."""

import http.client
import json
import time

import pytest

from tests.servers.ports import wait_until

OLD = """
import sys
from datetime import timedelta
from django.utils import timezone
from accounts.models import User
from alerts.models import Alert, Delivery
long_ago = timezone.now() - timedelta(hours=1)
alert = Alert.objects.create(kind="user.welcome", audience="staff", title="x", created=long_ago, position=None,
                             expanded_at=None if sys.argv[1] == "unexpanded" else long_ago)
if sys.argv[1] == "overdue":
    Delivery.objects.create(alert=alert, transport="email", recipient="1", address="a@example.org", next_try=long_ago)
"""


def ask(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


def ready(server):
    status, _, body = ask(server, "/readyz")
    return status, json.loads(body)


def reasons(server):
    return " ".join(ready(server)[1]["reasons"])


def becomes(server, wanted, *, seconds=10):
    wait_until(lambda: ready(server)[1]["status"] == wanted, seconds=seconds, what=wanted)


@pytest.mark.parametrize("engine", ["uvicorn", "daphne"])
def test_a_service_that_is_well_says_so_whatever_the_host_name(site, engine):
    server = site.serve(engine)
    assert ask(server, "/healthz", Host="elsewhere.example")[::2] == (200, '{"status": "ok"}')
    status, headers, body = ask(server, "/readyz", Host="elsewhere.example")
    found = json.loads(body)
    assert (status, found["status"], found["reasons"]) == (200, "ok", [])
    assert set(found["checks"]) == {"database", "layer", "relay", "deliveries"}
    assert found["checks"]["layer"]["ms"] < 1000
    names = {name.lower(): value for name, value in headers.items()}
    assert (names["cache-control"], names["content-type"]) == ("no-store", "application/json")
    assert "alerts_database_up 1\n" in ask(server, "/metrics")[2]


def test_only_reading_is_allowed_and_head_has_no_body(site):
    server = site.serve()
    for path in ("/healthz", "/readyz", "/metrics"):
        assert ask(server, path, "POST")[0] == 405
        status, headers, body = ask(server, path, "HEAD")
        assert (status, body) == (200, "")
        assert int({name.lower(): value for name, value in headers.items()}["content-length"]) > 0


def test_a_redis_that_is_gone_is_degraded_and_back_by_itself(make_postgres_site, redis):
    site = make_postgres_site()
    server = site.serve()
    becomes(server, "ok")
    redis.kill()
    becomes(server, "degraded")
    assert "channel layer" in reasons(server)
    assert ask(server, "/healthz")[0] == 200
    redis.start()
    becomes(server, "ok")


def test_a_redis_that_hangs_holds_up_no_answer(make_postgres_site, redis):
    server = make_postgres_site().serve()
    becomes(server, "ok")
    redis.pause()
    try:
        for _ in range(4):
            began = time.monotonic()
            status, found = ready(server)
            assert time.monotonic() - began < 2.5
            assert status == 200
            time.sleep(1.1)
        assert found["status"] == "degraded"
    finally:
        redis.resume()
    becomes(server, "ok", seconds=20)


def test_a_database_that_is_gone_is_unavailable_and_back_by_itself(own_postgres, redis, tmp_path):
    from tests.servers.site import Site

    database_url = own_postgres.url(own_postgres.create_database())
    with Site(tmp_path, database_url=database_url, redis_url=redis.url) as site:
        site.manage("migrate", "--verbosity=0")
        server = site.serve()
        becomes(server, "ok")
        own_postgres.stop()
        becomes(server, "unavailable")
        assert ready(server)[0] == 503
        assert "database" in reasons(server)
        assert "alerts_database_up 0\n" in ask(server, "/metrics")[2]
        own_postgres.start()
        becomes(server, "ok", seconds=20)


@pytest.mark.parametrize(
    ("what", "words"),
    [("unnumbered", "wait for their number"), ("unexpanded", "not planned"), ("overdue", "overdue by")],
)
def test_work_that_is_left_lying_is_degraded_and_says_what_to_do(make_sqlite_site, what, words):
    # No relay, and no alert of this process that would number: what an old process left stays.
    site = make_sqlite_site(ALERTS_RELAY="off")
    server = site.serve()
    becomes(server, "ok")
    site.python(OLD, what)
    becomes(server, "degraded")
    assert words in reasons(server)
    assert "Does a relay run" in reasons(server)
    answer = site.manage("health", check=False)
    assert answer.returncode == 1
    assert words in answer.stderr
    if what != "overdue":
        site.manage("relay", "--once")
        becomes(server, "ok")
        assert "ok: the log is at" in site.manage("health").stdout


def test_an_answer_holds_no_secret(make_postgres_site, redis):
    site = make_postgres_site(SECRET_KEY="canary-" * 8, DEFAULT_FROM_EMAIL="canary@example.org")
    server = site.serve()
    password = site.environment["DATABASE_URL"].split("@")[0].rpartition(":")[2]
    redis.kill()
    becomes(server, "degraded")
    told = "".join(ask(server, path)[2] for path in ("/healthz", "/readyz", "/metrics"))
    assert "canary" not in told
    assert site.environment["DATABASE_URL"] not in told
    assert site.environment["REDIS_URL"] not in told
    assert len(password) < 4 or password not in told


def test_many_who_ask_at_once_share_one_look(site):
    server = site.serve()
    found = {ask(server, "/readyz")[2] for _ in range(20)}
    assert len(found) <= 3
