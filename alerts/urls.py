"""The pages of the feed."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("alerts/<uuid:uid>/", views.alert, name="alert"),
]
