"""Whom a delivery goes to: its recipient is text, and the user may be gone."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def recipient_of(recipient: str) -> SafeString | str:
    """The user's name, as a link to their page if this site has them in its admin."""
    user = _user(recipient)
    if user is None:
        return f"user {recipient}, who is gone"
    model = get_user_model()._meta
    try:
        address = reverse(f"admin:{model.app_label}_{model.model_name}_change", args=[user.pk])
    except NoReverseMatch:
        return user.get_username()
    return format_html('<a href="{}">{}</a>', address, user.get_username())


def _user(key: str) -> AbstractBaseUser | None:
    try:
        return get_user_model()._default_manager.filter(pk=key).first()
    except (ValueError, ValidationError):  # no key of this site's users
        return None
