"""The WebSocket edge."""

from django.apps import AppConfig


class ConsumersConfig(AppConfig):
    name = "consumers"

    def ready(self) -> None:
        from .signals import connect

        connect()
