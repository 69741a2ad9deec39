"""Every page of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("alerts.urls")),
    path("accounts/", include("accounts.urls")),
    path("posts/", include("posts.urls")),
    path("admin/", admin.site.urls),
]
