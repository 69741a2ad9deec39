"""Forms of users, for the pages and for the admin."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AdminUserCreationForm, AuthenticationForm, UserChangeForm, UserCreationForm
from django.core.exceptions import ValidationError

from .models import ADDRESS_TAKEN, User


class OneUserPerAddress(forms.ModelForm[User]):
    """Tells of a taken address beside its field, before the database's constraint does."""

    def clean_email(self) -> str:
        email = str(self.cleaned_data.get("email") or "")
        if User.objects.is_taken(email, but_for=self.instance if self.instance.pk else None):
            raise ValidationError(ADDRESS_TAKEN, code="unique")
        return email


class RegistrationForm(OneUserPerAddress, UserCreationForm[User]):
    """`username email password1 password2`."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=User._meta.get_field("email").max_length,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text="For your welcome mail, and to sign in with.",
    )

    class Meta:
        model = User
        fields = ("username", "email")

    def clean_username(self) -> str:
        username = str(super().clean_username() or "")
        # Else one could sign up as somebody else's address and be taken for them.
        if User.objects.is_taken(username):
            raise ValidationError("This is the e-mail address of another user.", code="unique")
        return username


class SignInForm(AuthenticationForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "There is no user with this name or address and this password. Passwords are case-sensitive.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "Username or e-mail address"


class UserAddForm(OneUserPerAddress, AdminUserCreationForm[User]):
    """The admin's add form; with the address, so that the welcome mail has one (trap X16)."""

    class Meta:
        model = User
        fields = ("username", "email")


class UserEditForm(OneUserPerAddress, UserChangeForm[User]):
    class Meta:
        model = User
        fields = "__all__"  # noqa: DJ007  (the admin's fieldsets choose)
