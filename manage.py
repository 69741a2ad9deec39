#!/usr/bin/env python
"""Django's command line. A bad setting is one clear line here, never a traceback."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
    try:
        from django.conf import settings
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed here. Type: script/server, or pip install -r requirements.txt in a venv.")
    try:
        settings.INSTALLED_APPS  # noqa: B018  (reading any setting loads them all)
    except ImproperlyConfigured as error:
        sys.exit(f"manage.py: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
