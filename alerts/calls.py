"""Calls the methods of declarations: each names which of its signal's arguments it wants."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any


@cache
def _accepted(function: Callable[..., Any]) -> frozenset[str] | None:
    """The keyword arguments a function names, or None when it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters)


def call(method: Callable[..., Any], about: object, arguments: Mapping[str, Any]) -> Any:
    """Call a declaration's method with those of the signal's arguments that it names."""
    accepted = _accepted(method.__func__)  # type: ignore[attr-defined]
    if accepted is None:
        return method(about, **arguments)
    return method(about, **{name: value for name, value in arguments.items() if name in accepted})
