"""Posts, and the tags they may have."""

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.db import models
from django.urls import reverse

from alerts.atomic import AtomicSave


class Tag(models.Model):
    name = models.CharField(max_length=50, unique=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Post(AtomicSave, models.Model):
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="posts")
    tags = models.ManyToManyField(Tag, blank=True, related_name="posts")
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-created", "-pk")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("posts:detail", args=[self.pk])

    def may(self, user: PermissionsMixin | AnonymousUser, action: str) -> bool:
        """Whether this user may `change` or `delete` it: its author, or staff with the permission."""
        is_author = user.pk is not None and self.author_id == user.pk
        return is_author or (bool(getattr(user, "is_staff", False)) and user.has_perm(f"posts.{action}_post"))
