"""Signing in by username or e-mail."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Q
from django.http import HttpRequest

from .models import User


class UsernameOrEmailBackend(ModelBackend):
    """Django's own backend, which also takes an e-mail address for a username."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if not username or password is None:
            return None
        users = list(User.objects.filter(Q(username=username) | Q(email__iexact=username)))
        if not users:
            # As long as for a user who exists, so that the time tells nothing (Django ticket 20760).
            User().set_password(password)
        for user in users:
            if user.check_password(password) and self.user_can_authenticate(user):
                return user
        return None
