"""What tests of alerts/ share: their own declarations and models leave no trace, and the app's log can be read."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, connections
from django.db.models import Model

from accounts.models import User
from alerts import audiences, transports
from alerts.exceptions import DeclarationError
from alerts.kinds import declared
from alerts.relay.bell import bell
from alerts.relay.layer import layer


# It asks for `define`, so that what hears a model is disconnected before the model is gone.
@pytest.fixture(autouse=True)
def declarations_of_this_test(define: Callable[..., type[Model]]) -> Iterator[None]:
    """Whatever a test declares (kinds, audiences, transports) is disconnected and forgotten after it."""
    kinds, keys, carriers = dict(declared), set(audiences.registered), dict(transports.registered)
    yield
    for kind, event in list(declared.items()):
        if kinds.get(kind) is not event:
            with suppress(DeclarationError):
                event.disconnect()
            del declared[kind]
    declared.update(kinds)
    transports.registered.clear()
    transports.registered.update(carriers)
    audiences.registered.clear()
    audiences.registered.update(keys)


@pytest.fixture(autouse=True)
def layer_of_this_thread() -> Iterator[None]:
    """A test that publishes in its own thread leaves no event loop behind."""
    yield
    layer.close()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """What alerts/ has logged; settings keep it from the root logger."""
    monkeypatch.setattr(logging.getLogger("alerts"), "propagate", True)
    caplog.set_level(logging.INFO, "alerts")
    return caplog


@pytest.fixture
def ada() -> Any:
    return User.objects.create_user("ada")


@pytest.fixture
def define() -> Iterator[Callable[..., type[Model]]]:
    """Defines a model for the time of a test: `define("Name", Base, app="posts", proxy=True)`."""
    made: list[type[Model]] = []

    def define(name: str, *bases: type[Model], app: str = "posts", **meta: Any) -> type[Model]:
        options = type("Meta", (), {"app_label": app, **meta})
        model = type(name, bases, {"__module__": __name__, "Meta": options})
        made.append(model)
        return model

    yield define
    for model in made:
        del apps.all_models[model._meta.app_label][model._meta.model_name or ""]
    apps.clear_cache()


@pytest.fixture
def number() -> Callable[[], int]:
    """Numbers and publishes what is committed, and gives the head's position."""
    return bell.number_all


class Threads:
    """Runs functions at the same time, each with a database connection of its own."""

    def run(self, *functions: Callable[[], Any]) -> list[Any]:
        results: list[Any] = [None] * len(functions)
        barrier = threading.Barrier(len(functions))

        def work(place: int) -> None:
            try:
                barrier.wait(10)
                results[place] = functions[place]()
            except Exception as error:
                results[place] = error
            finally:
                layer.close()
                connections.close_all()

        threads = [threading.Thread(target=work, args=(place,)) for place in range(len(functions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return results


@pytest.fixture
def at_once() -> Callable[..., list[Any]]:
    return Threads().run


@pytest.fixture
def is_postgres() -> bool:
    return connection.vendor == "postgresql"
