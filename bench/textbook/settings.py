"""The site's settings, so that users and sessions are the same, with the textbook's application and layer."""

import environ

from realtime.settings import *  # noqa: F403
from realtime.settings import REDIS_URL

ASGI_APPLICATION = "bench.textbook.asgi.application"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": {
            "core": "channels_redis.core.RedisChannelLayer",
            "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
        }[environ.Env().str("TEXTBOOK_LAYER", default="core")],
        # Above 5 s: with redis-py 8 an idle reader reconnects in a loop else (trap R1).
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 15}]},
    }
}
