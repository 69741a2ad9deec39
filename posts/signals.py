"""The log line at the moment a post is about to go. What is alerted is declared in `alerts.py`."""

import logging
from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from .models import Post

logger = logging.getLogger("posts")


@receiver(pre_delete, sender=Post)
def log_deletion(sender: type[Post], instance: Post, **kwargs: Any) -> None:
    """An intent: a transaction that is rolled back has logged it all the same."""
    title = " ".join(instance.title.splitlines())  # one post, one line
    logger.info("Post titled '%s' is about to be deleted.", title)
