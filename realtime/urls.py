"""Every page of the site."""

from django.contrib import admin
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import include, path


def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it on pages that name none, the admin's among them."""
    return redirect(staticfiles_storage.url("favicon.svg"))


urlpatterns = [
    path("", include("alerts.urls")),
    path("accounts/", include("accounts.urls")),
    path("posts/", include("posts.urls")),
    path("admin/", admin.site.urls),
    path("favicon.ico", favicon),
]
