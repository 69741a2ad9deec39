"""Every transport is one module of this folder: it is found by being here, and registers itself by its `name`."""

from importlib import import_module
from pkgutil import iter_modules

from .base import Session, Transport, registered

__all__ = ["Session", "Transport", "registered"]

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")
