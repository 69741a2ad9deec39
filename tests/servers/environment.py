"""The environment of everything under test: every variable of .env.example, so a developer's .env has no say."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = Path(sys.executable)

# .env fills in what is missing and never overrides, so each name must be here (a test compares with .env.example).
DEFAULTS = {
    "DEBUG": "on",
    "SECRET_KEY": "for-the-tests-only-" + "0123456789" * 4,
    "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
    "SITE_URL": "http://127.0.0.1:8000",
    "SITE_NAME": "Alerts",
    "DEFAULT_FROM_EMAIL": "alerts@example.org",
    "DATABASE_URL": "sqlite://:memory:",
    "REDIS_URL": "",
    "EMAIL_URL": "",
    "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
    "ALERTS_RELAY": "off",
    "ALERTS_ORIGINS": "",
    "ALERTS_WINDOW": "256",
    "ALERTS_HEARTBEAT": "15",
    "ALERTS_TRUSTED_PROXY": "",
    "POSTGRES_PASSWORD": "",
    "REDIS_PASSWORD": "",
}
_OF_THE_SYSTEM = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "CI")
_OF_THE_TESTS = ("DJANGO_SETTINGS_MODULE", "ALERTS_WITHOUT")  # pytest --ds=..., see tests/faults/sabotaged.py


def environment_of_a_process(**settings: str) -> dict[str, str]:
    """The whole environment of a new process: the defaults, `settings` over them, and of the caller's only what a
    program needs to run at all."""
    inherited = {name: os.environ[name] for name in (*_OF_THE_SYSTEM, *_OF_THE_TESTS) if name in os.environ}
    return {"DJANGO_SETTINGS_MODULE": "realtime.settings", "PYTHONUNBUFFERED": "1"} | inherited | DEFAULTS | settings
