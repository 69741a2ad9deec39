import asyncio

from django.contrib.auth.models import Group, Permission

from accounts.models import User
from alerts.events import muted
from consumers import identity
from consumers.pool import people_lane
from consumers.watch import Watch
from tests.consumers.conftest import until


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
    await Watch(service).look(service.readers)
    assert asked == [5]  # what the first may do stays the same
    for browser in browsers[1:]:
        await browser.until(lambda browser=browser: browser.code is not None)
        assert browser.code == 4503
    await asyncio.sleep(0)
    assert browsers[0].code is None
    assert "perm:posts.view_post" in browsers[0].feed.reader.keys


async def test_a_hint_is_looked_into_at_once_for_those_it_names_and_a_round_reaches_all_in_turn(
    browse, service, monkeypatch
):
    users = await people_lane(editors)
    for user in users:
        await browse(user)
    looked: list[list[str]] = []

    async def look(users):
        looked.append(list(users))

    watch = Watch(service)
    monkeypatch.setattr(watch, "look", look)
    monkeypatch.setattr("consumers.watch.AT_ONCE", 4)
    running = asyncio.create_task(watch.run())
    names = [str(user.pk) for user in users]
    watch.look_at([names[2], "nobody"])
    await until(lambda: looked)
    assert looked == [[names[2]]]
    watch.look_at(None)
    await until(lambda: len(looked) == 3)
    assert [len(some) for some in looked[1:]] == [4, 2]
    assert sorted(looked[1] + looked[2]) == sorted(names)
    looked.clear()
    await until(lambda: len(looked) == 4, seconds=20)
    running.cancel()
    assert [len(some) for some in looked] == [4, 2, 4, 2]
    assert sorted(looked[0] + looked[1]) == sorted(names)


async def test_however_many_hints_come_the_round_goes_on(browse, service, monkeypatch, settings):
    settings.ALERTS = settings.ALERTS | {"RECHECK": 0.2}
    users = await people_lane(editors)
    for user in users[:2]:
        await browse(user)
    looked: set[str] = set()

    async def look(some):
        looked.update(some)

    watch = Watch(service)
    monkeypatch.setattr(watch, "look", look)
    running = asyncio.create_task(watch.run())
    for _ in range(60):
        watch.look_at([str(users[0].pk)])
        await asyncio.sleep(0.02)
        if len(looked) == 2:
            break
    running.cancel()
    assert looked == {str(user.pk) for user in users[:2]}


async def test_whoever_comes_during_a_round_has_their_turn_in_it(browse, service, monkeypatch):
    monkeypatch.setattr("consumers.watch.AT_ONCE", 2)
    users = await people_lane(editors)
    for user in users[:4]:
        await browse(user)
    watch = Watch(service)
    turns = [watch._next()]
    await browse(users[4])
    turns += [watch._next(), watch._next(), watch._next()]
    assert turns == [[str(user.pk) for user in some] for some in (users[:2], users[2:4], users[4:5], users[:2])]
