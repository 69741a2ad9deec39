"""What happens beside a post's own life: log lines, a tidy title. docs/signals.md explains each of them.

What is alerted is declared in `alerts.py`.
"""

import logging
from collections.abc import Collection
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save
from django.dispatch import receiver

from alerts.actors import current_actor
from alerts.clean import one_line

from .models import Post

logger = logging.getLogger("posts")
WATCHED = ("title", "body", "author")
NAMED = 20  # tags, or posts, in one line


@receiver(pre_delete, sender=Post)
def log_deletion(sender: type[Post], instance: Post, **kwargs: Any) -> None:
    """An intent: a transaction that is rolled back has logged it all the same."""
    logger.info("Post titled '%s' is about to be deleted.", one_line(instance.title))


@receiver(pre_save, sender=Post)
def tidy_title(
    sender: type[Post], instance: Post, raw: bool, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """No title begins or ends with blanks, and none is nothing but blanks, in a form or out of one."""
    is_saved = update_fields is None or "title" in update_fields
    if raw or not is_saved or not isinstance(instance.title, str):  # an expression is the database's business
        return
    instance.title = instance.title.strip()
    if not instance.title:
        raise ValidationError({"title": "A post needs a title."})


@receiver(pre_save, sender=Post)
def note_changes(
    sender: type[Post], instance: Post, using: str, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """What is about to change, while the database still has it as it was. Costs the save one SELECT."""
    instance.__dict__["changed"] = []  # else a save that failed would be told of by the next
    if instance._state.adding:  # new, or of a fixture
        return
    fields = [field for field in Post._meta.concrete_fields if field.name in WATCHED]
    saved = [f for f in fields if update_fields is None or {f.name, f.attname} & set(update_fields)]
    if saved:
        names = [field.attname for field in saved]
        before = Post.objects.using(using).filter(pk=instance.pk).values(*names).first() or {}
        instance.__dict__["changed"] = [name for name in before if before[name] != getattr(instance, name)]


@receiver(post_save, sender=Post)
def log_changes(sender: type[Post], instance: Post, using: str, **kwargs: Any) -> None:
    """A fact: nothing is logged until the change is committed."""
    changed = instance.__dict__.pop("changed", [])
    if changed:
        names = ", ".join(name.removesuffix("_id") for name in changed)
        who, title = one_line(current_actor().label), one_line(instance.title)
        line = partial(logger.info, "Post '%s' was changed by %s: %s.", title, who, names)
        transaction.on_commit(line, using=using, robust=True)


@receiver(m2m_changed, sender=Post.tags.through)
def log_tags(
    sender: type[models.Model],
    instance: models.Model,
    action: str,
    model: type[models.Model],
    pk_set: set[int] | None,
    using: str,
    **kwargs: Any,
) -> None:
    """`post.tags.add(tag)` has a post as instance and Tag as model, `tag.posts.add(post)` the other way round."""
    one, many = instance._meta.verbose_name, model._meta.verbose_name_plural
    if action == "post_clear":
        words = f"all {many} removed"
    elif action in ("post_add", "post_remove") and pk_set:
        rows = model._default_manager.using(using).filter(pk__in=pk_set)[:NAMED]
        words = f"{many} {'added' if action == 'post_add' else 'removed'}: {', '.join(map(str, rows))}"
    else:
        return
    line = partial(logger.info, "%s '%s': %s.", str(one).capitalize(), one_line(instance), one_line(words))
    transaction.on_commit(line, using=using, robust=True)
