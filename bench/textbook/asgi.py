"""The textbook's application: sign-in by the stock middleware, origins by the stock validator."""

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path

from bench.textbook.consumers import AlertConsumer

pages = get_asgi_application()
sockets = URLRouter([path("ws/feed/", AlertConsumer.as_asgi())])
application: Any = ProtocolTypeRouter(
    {"http": pages, "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(sockets))}
)
