"""A mixin for models whose saves should never lose their alert."""

from typing import Any

from django.db import models, router, transaction


class AtomicSave(models.Model):
    """Saves inside a transaction, so that the row and its alert are committed together.

    Django sends `post_save` after `save()` has left its own transaction (trap X1): without this, a process that
    dies between the two loses the alert of a committed row.
    """

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using):
            super().save(*args, **kwargs)
