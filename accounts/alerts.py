"""What of users is worth an alert."""

from django.db.models.signals import post_save

from alerts.audiences import Staff, Subject
from alerts.events import ModelEvent, alert_on

from .models import User


@alert_on(post_save, sender=User)
class UserRegistered(ModelEvent):
    """Somebody is new, however they came: the registration page, the admin, `createsuperuser`."""

    kind = "user.registered"
    level = "success"
    audience = Staff()
    title = "{username} registered"
    url = "/admin/accounts/user/{pk}/change/"

    def applies(self, user: User, created: bool) -> bool:
        return created

    def snapshot(self, user: User) -> dict[str, str]:
        return {"username": user.get_username(), "email": user.email}


@alert_on(post_save, sender=User)
class Welcome(ModelEvent):
    """The welcome mail, and the first card in the new user's own feed."""

    kind = "user.welcome"
    audience = Subject()
    transports = ("email",)
    title = "Welcome, {username}!"
    body = "Thank you for registering."

    def applies(self, user: User, created: bool) -> bool:
        return created and bool(user.email)

    def snapshot(self, user: User) -> dict[str, str]:
        return {"username": user.get_username()}
