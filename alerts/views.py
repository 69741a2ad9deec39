"""The pages: the live list, and one alert with everything its act touched."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractBaseUser
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from . import clean, feed, reads
from .audiences import keys_of
from .hints import tell_reads
from .preferences import LEVELS, level_of, set_level

ROWS = 100
LATEST = 10  # cards in the bell
GROUP = 100  # characters of a group's name


@never_cache
@login_required
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """`/`: the newest alerts, live; with `?before=<position>` older ones, with `?group=<group>` those of one storm."""
    before = request.GET.get("before", "")
    if before and not (before.isdecimal() and before.isascii() and len(before) <= 18):
        raise Http404("before is a position, a whole number")
    group = clean.text(request.GET.get("group", ""), GROUP)
    user = _user(request)
    page = feed.page(user, before=int(before) if before else None, group=group)
    context = {"page": page, "group": group, "level": level_of(user), "levels": LEVELS}
    return render(request, "alerts/dashboard.html", context)


@never_cache
@login_required
@require_safe
def latest(request: HttpRequest) -> HttpResponse:
    """`/alerts/latest/`: what the bell shows, as a fragment."""
    user = _user(request)
    context = {"page": feed.page(user, size=LATEST), "level": level_of(user)}
    return render(request, "alerts/_latest.html", context)


@login_required
@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """`/alerts/preferences/`: the least `level` of which this user's browsers notify. 204, or 400 with the reason."""
    try:
        set_level(_user(request), request.POST.get("level", ""))
    except ValueError as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain")
    return HttpResponse(status=204)


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """`/service-worker.js`: browsers ask for it anew at each visit, so it is never cached."""
    response = render(request, "alerts/service-worker.js", content_type="text/javascript")
    response["Cache-Control"] = "no-cache"
    return response


@never_cache
@login_required
@require_safe
def alert(request: HttpRequest, uid: UUID) -> HttpResponse:
    """`/alerts/<id>/`: one alert, with every row of its act in pages. Opening it marks it read."""
    user = _user(request)
    found = feed.find(user, uid)
    if found is None:
        raise Http404("There is no such alert, or it is not for you.")
    if request.method == "GET":
        change = reads.mark(user, keys_of(user), [found.uid], is_read=True)
        if change is not None and change.is_new:
            tell_reads(user, change)
    rows_page = Paginator(feed.Rows(found), ROWS).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "card": feed.card(found, is_read=True),
        "rows": rows_page.object_list,
        "rows_page": rows_page,
        "data": found.data,
    }
    return render(request, "alerts/alert.html", context)


def _user(request: HttpRequest) -> AbstractBaseUser:
    return cast(AbstractBaseUser, request.user)
