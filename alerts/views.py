"""The pages: the live list, and one alert with everything its act touched."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractBaseUser
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from . import feed, reads
from .audiences import keys_of
from .hints import tell_reads

ROWS = 100


@never_cache
@login_required
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """`/`: the newest alerts, live; with `?before=<position>` older ones."""
    before = request.GET.get("before", "")
    if before and not (before.isdecimal() and before.isascii() and len(before) <= 18):
        raise Http404("before is a position, a whole number")
    page = feed.page(_user(request), before=int(before) if before else None)
    return render(request, "alerts/dashboard.html", {"page": page})


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
