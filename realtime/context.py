"""What every template knows of the site."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str]:
    """`site_url` has no slash at its end."""
    return {"site_name": settings.SITE_NAME, "site_url": settings.SITE_URL}
