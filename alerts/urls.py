"""The pages of the feed."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("alerts/<uuid:uid>/", views.alert, name="alert"),
    path("alerts/latest/", views.latest, name="alerts_latest"),
    path("alerts/preferences/", views.preferences, name="alerts_preferences"),
    # At the root, for a worker sees no page above its own address.
    path("service-worker.js", views.service_worker, name="alerts_service_worker"),
]
