"""A start that refuses says so in one clear line, never in a traceback."""

import subprocess

import pytest

from tests.servers.environment import PYTHON, ROOT, environment_of_a_process

PRODUCTION = {"DEBUG": "off", "SITE_URL": "https://alerts.example.org", "ALLOWED_HOSTS": "alerts.example.org"}


def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PYTHON, *arguments],
        env=environment_of_a_process(**settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("arguments", [("manage.py", "check"), ("-m", "uvicorn", "realtime.asgi:application")])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"DEBUG": "off", "SECRET_KEY": ""}, "SECRET_KEY is missing"),
        ({"DEBUG": "off", "ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS names no hosts"),
        ({"DEBUG": "off", "ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS names no hosts"),
        ({"DEBUG": "perhaps"}, "DEBUG is not on or off"),
        ({"ALERTS_WINDOW": "many"}, "ALERTS_WINDOW is not a whole number"),
        ({"SITE_URL": "alerts.example.org"}, "SITE_URL is not a URL"),
        ({"REDIS_URL": "http://redis"}, "REDIS_URL is not a Redis URL"),
        ({"DATABASE_URL": "nonsense://x"}, "DATABASE_URL is not a database URL"),
        ({**PRODUCTION, "REDIS_URL": "redis://elsewhere:6379"}, "REDIS_URL names another host without a password"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(arguments, given, words):
    result = run(*arguments, **given)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    [line] = [line for line in result.stderr.splitlines() if line.strip()]
    assert words in line


@pytest.mark.parametrize(
    ("given", "check"),
    [
        ({"ALERTS_RELAY": "sometimes"}, "alerts.E001"),
        ({"ALERTS_WINDOW": "0"}, "alerts.E002"),
        ({"ALERTS_HEARTBEAT": "0"}, "alerts.E003"),
        ({"ALERTS_ORIGINS": "https://*.example.org"}, "alerts.E004"),
    ],
)
def test_a_wrong_value_is_a_check_with_an_id_and_a_hint(given, check):
    result = run("manage.py", "check", **given)
    assert result.returncode == 1
    assert check in result.stderr
    assert "HINT" in result.stderr


def test_a_deployment_over_tls_is_clean():
    result = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["DEBUG", "SECRET_KEY", "SITE_NAME"])
def test_what_is_not_set_has_a_default(name):
    environment = environment_of_a_process()
    del environment[name]
    result = subprocess.run([PYTHON, "manage.py", "check"], env=environment, cwd=ROOT, capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_the_site_and_its_address_are_in_every_template(client, settings):
    page = client.get("/accounts/login/").content.decode()
    assert settings.SITE_NAME in page


def test_the_policy_allows_nothing_inline_and_nobody_elses_files(client, db):
    policy = client.get("/accounts/login/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
