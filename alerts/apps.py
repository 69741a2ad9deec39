"""Finds every app's `alerts.py` once the models are there, as the admin finds `admin.py`."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.module_loading import autodiscover_modules


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        from . import checks, transports  # noqa: F401  (checks and transports register themselves)
        from .events import connect
        from .patience import keep_patience

        connection_created.connect(keep_patience, dispatch_uid="alerts.patience")
        autodiscover_modules("alerts")
        connect()
