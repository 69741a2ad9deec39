"""`{% load alerts %}{% alerts_bell %}`: the bell, for the header of any admin or site."""

from typing import Any

from django import template

register = template.Library()


@register.inclusion_tag("alerts/_bell.html", takes_context=True)
def alerts_bell(context: dict[str, Any]) -> dict[str, Any]:
    """Live unread count, the latest alerts, mark read, a link to the feed; nothing for who is not signed in.

    It needs `django.template.context_processors.auth`, asks the database nothing itself, and brings its own style and
    script. Its colours are the admin's CSS variables, each with one of its own where a page has none.
    """
    user = context.get("user")
    return {"user": user if user is not None and user.is_authenticated else None}
