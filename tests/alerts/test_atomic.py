import pytest
from django.db import connection
from django.db.models.signals import post_save

from posts.models import Post


@pytest.mark.django_db(transaction=True)
def test_post_save_is_sent_inside_the_transaction_of_the_save(ada):
    seen = []

    def look(**_):
        seen.append(connection.in_atomic_block)

    post_save.connect(look, sender=Post)
    try:
        Post(title="First", author=ada).save()
    finally:
        post_save.disconnect(look, sender=Post)
    assert seen == [True]


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_fails_takes_the_row_back(ada):
    def fail(**_):
        raise LookupError

    post_save.connect(fail, sender=Post)
    try:
        with pytest.raises(LookupError):
            Post(title="First", author=ada).save()
    finally:
        post_save.disconnect(fail, sender=Post)
    assert not Post.objects.exists()
