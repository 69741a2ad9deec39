"""What each user wants to be notified of by their browsers."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser

from .models import Preference
from .relay.head import using

LEVELS = (
    ("info", "everything"),
    ("success", "success and above"),
    ("warning", "warnings and above"),
    ("critical", "critical alerts only"),
    ("none", "nothing"),
)


def level_of(user: AbstractBaseUser) -> str:
    """The least level that is notified of; `info` until the user says otherwise."""
    level = Preference.objects.using(using()).filter(user=str(user.pk)).values_list("level", flat=True).first()
    return level or LEVELS[0][0]


def set_level(user: AbstractBaseUser, level: str) -> None:
    """Idempotent. Raises ValueError for what is no level."""
    if level not in dict(LEVELS):
        raise ValueError(f"{level!r} is no level. Use one of {', '.join(dict(LEVELS))}.")
    Preference.objects.using(using()).update_or_create(user=str(user.pk), defaults={"level": level})
