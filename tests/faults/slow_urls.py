"""The site's addresses, and `/sleep/<seconds>/` as somebody's page that blocks."""

import time

from django.http import HttpRequest, HttpResponse
from django.urls import path

from realtime.urls import urlpatterns as of_the_site


def sleep(request: HttpRequest, seconds: int) -> HttpResponse:
    time.sleep(seconds)
    return HttpResponse("slept")


urlpatterns = [path("sleep/<int:seconds>/", sleep), *of_the_site]
