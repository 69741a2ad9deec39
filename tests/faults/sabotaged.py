"""The site's settings with one safeguard switched off: the one that ALERTS_WITHOUT names. For F20 alone."""

from realtime.settings import *  # noqa: F403
from realtime.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.sabotage.Sabotage"]
