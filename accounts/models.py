"""The user of this site."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from alerts.atomic import AtomicSave

ADDRESS_TAKEN = "Another user has this e-mail address."


class UserManager(DjangoUserManager["User"]):
    def is_taken(self, address: str, *, but_for: "User | None" = None) -> bool:
        """Whether somebody else has this address, whatever its case. Nobody has the empty one."""
        others = self.exclude(pk=but_for.pk) if but_for is not None else self.all()
        return bool(address) and others.filter(email__iexact=address).exists()

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **fields: Any
    ) -> "User":
        """Raises ValidationError for a taken address, which `createsuperuser` shows as one line."""
        if email and self.is_taken(email):
            raise ValidationError(ADDRESS_TAKEN)
        return super().create_superuser(username, email, password, **fields)


class User(AtomicSave, AbstractUser):
    """Signs in by username or e-mail. The address is unique whatever its case, and may be blank."""

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                condition=~Q(email=""),
                name="accounts_one_user_per_address",
                violation_error_message=ADDRESS_TAKEN,
            )
        ]
