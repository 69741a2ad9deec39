"""The site's settings, with one more page: it sleeps, on its thread, for as many seconds as it is told."""

from realtime.settings import *  # noqa: F403

ROOT_URLCONF = "tests.faults.slow_urls"
