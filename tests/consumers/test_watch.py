import asyncio

from django.contrib.auth.models import Group, Permission

from accounts.models import User
from alerts.events import muted
from consumers import identity
from consumers.pool import people_lane
from consumers.watch import Watch


def editors() -> list[User]:
    """Staff who may see posts because of their group, and one who may by themselves."""
    group = Group.objects.create(name="editors")
    group.permissions.add(view_post())
    with muted():
        made = [User.objects.create_user(f"editor {number}", is_staff=True) for number in range(6)]
    group.user_set.set(made)
    made[0].user_permissions.add(view_post())
    return made


def view_post() -> Permission:
    return Permission.objects.get(codename="view_post")


def take_permission() -> None:
    Group.permissions.through.objects.all().delete()  # tells nobody


async def test_those_who_lose_a_right_together_are_asked_about_together(browse, service, monkeypatch):
    users = await people_lane(editors)
    browsers = [await browse(user) for user in users]
    await people_lane(take_permission)
    asked = []

    def identify_all(session_keys):
        asked.append(len(session_keys))
        return identity.identify_all(session_keys)

    monkeypatch.setattr("consumers.entrance.identify_all", identify_all)
    await Watch(service).round()
    assert asked == [5]  # what the first may do stays the same
    for browser in browsers[1:]:
        await browser.until(lambda browser=browser: browser.code is not None)
        assert browser.code == 4503
    await asyncio.sleep(0)
    assert browsers[0].code is None
    assert "perm:posts.view_post" in browsers[0].feed.reader.keys
