"""`/accounts/`."""

from django.conf import settings
from django.contrib.auth import views as auth
from django.urls import path, reverse_lazy

from . import views

app_name = "accounts"


def page(name: str) -> str:
    return f"accounts/{name}.html"


urlpatterns = [
    path("register/", views.Register.as_view(), name="register"),
    path("login/", views.SignIn.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("session", views.session, name="session"),
    path("password_change/", views.PasswordChange.as_view(), name="password_change"),
    path(
        "password_change/done/",
        auth.PasswordChangeDoneView.as_view(template_name=page("password_change_done")),
        name="password_change_done",
    ),
    path(
        "password_reset/",
        auth.PasswordResetView.as_view(
            template_name=page("password_reset"),
            email_template_name="mail/password_reset/body.txt",
            subject_template_name="mail/password_reset/subject.txt",
            # Not the request's own host, which is what its sender says it is.
            extra_email_context={"site_name": settings.SITE_NAME, "site_url": settings.SITE_URL},
            success_url=reverse_lazy("accounts:password_reset_done"),
        ),
        name="password_reset",
    ),
    path(
        "password_reset/done/",
        auth.PasswordResetDoneView.as_view(template_name=page("password_reset_done")),
        name="password_reset_done",
    ),
    path(
        "password_reset/<uidb64>/<token>/",
        auth.PasswordResetConfirmView.as_view(
            template_name=page("password_reset_confirm"),
            success_url=reverse_lazy("accounts:password_reset_complete"),
        ),
        name="password_reset_confirm",
    ),
    path(
        "password_reset/complete/",
        auth.PasswordResetCompleteView.as_view(template_name=page("password_reset_complete")),
        name="password_reset_complete",
    ),
]
