import pytest

from accounts.models import User
from alerts import reads
from alerts.models import Preference
from alerts.preferences import level_of, set_level

pytestmark = pytest.mark.django_db


def test_everything_is_notified_of_until_the_user_says_otherwise(ada):
    assert level_of(ada) == "info"
    set_level(ada, "critical")
    set_level(ada, "warning")
    assert level_of(ada) == "warning"
    assert level_of(User.objects.create_user("bea")) == "info"


def test_what_is_no_level_is_refused(ada):
    with pytest.raises(ValueError, match="Use one of info, success, warning, critical, none"):
        set_level(ada, "loud")


def test_a_deleted_users_wishes_and_reading_are_forgotten(ada):
    set_level(ada, "none")
    reads.state_of(ada)
    reads.forget(ada.pk)
    assert not Preference.objects.exists()
    assert level_of(ada) == "info"


def test_the_page_keeps_the_level_and_says_what_it_does_not_take(client, ada):
    assert client.post("/alerts/preferences/", {"level": "warning"}).status_code == 302
    client.force_login(ada)
    assert client.post("/alerts/preferences/", {"level": "warning"}).status_code == 204
    assert level_of(ada) == "warning"
    answer = client.post("/alerts/preferences/", {"level": "<b>"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/plain")
    assert client.get("/alerts/preferences/").status_code == 405
    assert 'data-level="warning"' in client.get("/").content.decode()
