"""The application a server runs: pages through Django, `/ws/feed/` through consumers/, the relay beside them."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")

from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured

try:
    django_application = get_asgi_application()
except ImproperlyConfigured as error:
    raise SystemExit(f"The service cannot start: {error}") from None

from consumers.routing import serve
from realtime import health

application: Any = health.serve(serve(django_application))
