"""The pages of posts. Everybody reads; who is signed in writes; the author, or staff with the permission, changes."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin, UserPassesTestMixin
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.views.generic import CreateView, DeleteView, DetailView, ListView, UpdateView, View
from django.views.generic.detail import SingleObjectMixin

from .forms import PostForm
from .models import Post


class PostList(ListView[Post]):
    queryset = Post.objects.select_related("author")
    paginate_by = 20


class PostDetail(DetailView[Post]):
    queryset = Post.objects.select_related("author")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rights = {f"may_{action}": self.object.may(self.request.user, action) for action in ("change", "delete")}
        return super().get_context_data(**kwargs, **rights)


class MayChange(UserPassesTestMixin, SingleObjectMixin[Post], View):
    """Anonymous visitors are asked to sign in, others without the right are refused."""

    action = "change"

    def test_func(self) -> bool:
        return self.get_object().may(self.request.user, self.action)


class PostCreate(LoginRequiredMixin, CreateView[Post, PostForm]):
    model = Post
    form_class = PostForm

    def form_valid(self, form: PostForm) -> HttpResponse:
        assert self.request.user.is_authenticated
        form.instance.author = self.request.user
        return super().form_valid(form)


class PostEdit(MayChange, UpdateView[Post, PostForm]):
    model = Post
    form_class = PostForm


class PostDelete(MayChange, DeleteView[Post, ModelForm[Post]]):
    model = Post
    action = "delete"
    success_url = reverse_lazy("posts:list")

    def form_valid(self, form: Any) -> HttpResponse:
        title = self.object.title
        with transaction.atomic():
            response = super().form_valid(form)
        messages.success(self.request, f"“{title}” is deleted.")
        return response
