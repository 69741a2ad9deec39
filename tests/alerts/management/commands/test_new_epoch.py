from io import StringIO

import pytest
from django.core.management import call_command

from alerts.relay.head import read_head

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_epoch_begins_and_is_named():
    old, words = read_head(), StringIO()
    call_command("new_epoch", stdout=words)
    new = read_head()
    assert new.epoch != old.epoch
    assert (new.position, new.oldest) == (old.position, old.oldest)
    assert words.getvalue() == f"The epoch is now {new.epoch}.\n"


def test_it_works_on_a_log_without_a_head():
    words = StringIO()
    call_command("new_epoch", stdout=words)
    assert read_head().epoch in words.getvalue()
