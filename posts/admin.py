"""Posts in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from .models import Post, Tag


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin[Tag]):
    search_fields = ("name",)


@admin.register(Post)
class PostAdmin(admin.ModelAdmin[Post]):
    list_display = ("title", "author", "created", "updated")
    list_filter = ("created", "author")
    list_select_related = ("author",)
    search_fields = ("title", "body", "author__username")
    date_hierarchy = "created"
    autocomplete_fields = ("author",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"author": request.user.pk, **super().get_changeform_initial_data(request)}
