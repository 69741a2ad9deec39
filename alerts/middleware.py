"""Remembers the request for the time it is worked on, so that an alert can name who did it."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from .actors import request_at_hand


@sync_and_async_middleware
def ActorMiddleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:  # noqa: N802
    """Place it after AuthenticationMiddleware. Reads nothing by itself: `request.user` stays lazy."""
    if iscoroutinefunction(get_response):

        async def remember_async(request: HttpRequest) -> HttpResponseBase:
            token = request_at_hand.set(request)
            try:
                answer: Awaitable[HttpResponseBase] = get_response(request)
                return await answer
            finally:
                request_at_hand.reset(token)

        return remember_async

    def remember(request: HttpRequest) -> HttpResponseBase:
        token = request_at_hand.set(request)
        try:
            response: HttpResponseBase = get_response(request)
            return response
        finally:
            request_at_hand.reset(token)

    return remember
