"""The site's settings, with room for few sockets."""

from realtime.settings import *  # noqa: F403
from realtime.settings import ALERTS

ALERTS |= {"SOCKETS_PER_USER": 3, "SOCKETS": 6}
