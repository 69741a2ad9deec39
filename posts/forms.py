"""The form of a post."""

from typing import Any

from django import forms
from django.db import transaction

from .models import Post, Tag


class PostForm(forms.ModelForm[Post]):
    """Tags are made in the admin; where there are none, the form does not ask for any."""

    class Meta:
        model = Post
        fields = ("title", "body", "tags")
        widgets = {"body": forms.Textarea(attrs={"rows": 12})}
        help_texts = {"tags": "Hold down Ctrl, or Command on a Mac, to choose more than one."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not Tag.objects.exists():
            del self.fields["tags"]

    def save(self, commit: bool = True) -> Post:
        """The post and its tags, both or neither."""
        with transaction.atomic():
            return super().save(commit)
