"""Posts in the admin."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
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

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Post]) -> None:
        """One act. The rows are locked first, so that of two bulk deletes at once only one reports a row (trap X21)."""
        with transaction.atomic():
            list(Post.objects.filter(pk__in=queryset.values("pk")).order_by("pk").select_for_update().values_list("pk"))
            queryset.delete()
