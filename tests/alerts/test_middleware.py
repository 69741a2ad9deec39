import asyncio

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from alerts.actors import current_actor, request_at_hand
from alerts.middleware import ActorMiddleware


def request_of(name):
    request = RequestFactory().get("/")
    request.user = User(pk=1, username=name)
    return request


def test_the_user_of_the_request_is_the_actor_while_it_is_worked_on():
    seen = []

    def view(request):
        seen.append(current_actor().label)
        return HttpResponse()

    ActorMiddleware(view)(request_of("ada"))
    assert seen == ["ada"]
    assert request_at_hand.get() is None


def test_a_view_that_raises_leaves_no_request_behind():
    def view(request):
        raise LookupError

    with pytest.raises(LookupError):
        ActorMiddleware(view)(request_of("ada"))
    assert request_at_hand.get() is None


async def test_async_views_at_once_each_have_their_own_actor():
    seen = {}

    async def view(request):
        await asyncio.sleep(0)
        seen[request.user.username] = current_actor().label
        return HttpResponse()

    middleware = ActorMiddleware(view)
    await asyncio.gather(*(middleware(request_of(name)) for name in ("ada", "bea", "cyd")))
    assert seen == {"ada": "ada", "bea": "bea", "cyd": "cyd"}
    assert request_at_hand.get() is None


def test_the_user_is_not_read_unless_an_alert_asks():
    def read():
        raise AssertionError("the user was read")

    request = request_of("ada")
    request.user = SimpleLazyObject(read)
    assert ActorMiddleware(lambda request: HttpResponse())(request).status_code == 200
