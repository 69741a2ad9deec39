"""The pages of users."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.generic import CreateView

from .forms import RegistrationForm, SignInForm
from .models import User


class Register(CreateView[User, RegistrationForm]):
    """A new user, signed in at once."""

    form_class = RegistrationForm
    template_name = "accounts/register.html"
    success_url = reverse_lazy("dashboard")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(self.success_url)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: RegistrationForm) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
        assert isinstance(self.object, User)
        login(self.request, self.object)
        messages.success(self.request, f"Welcome, {self.object.get_username()}!")
        return response


class SignIn(LoginView):
    authentication_form = SignInForm
    template_name = "accounts/login.html"
    redirect_authenticated_user = True
    extra_context = {"site_name": settings.SITE_NAME}  # Django would take the host for it


class PasswordChange(PasswordChangeView):
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("accounts:password_change_done")


@never_cache
@require_safe
def session(request: HttpRequest) -> HttpResponse:
    """204 while signed in, else 401: a page asks it when its socket was refused."""
    return HttpResponse(status=204 if request.user.is_authenticated else 401)
