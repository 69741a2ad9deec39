"""The form of a post."""

from django import forms

from .models import Post


class PostForm(forms.ModelForm[Post]):
    class Meta:
        model = Post
        fields = ("title", "body")
        widgets = {"body": forms.Textarea(attrs={"rows": 12})}
