"""`pending`: the hint that an act has begun, heard by those who may see its alert."""

import asyncio
import re

from tests.servers.visitor import Visitor

SLOW = """
def delete_slowly(title, seconds, take_back=False):
    import time
    from accounts.models import User
    from django.db import transaction
    from alerts.events import muted
    from posts.models import Post
    author = User.objects.order_by("pk").first()
    with muted():
        post = Post.objects.create(title=title, author=author)
    with transaction.atomic():
        post.delete()
        time.sleep(seconds)
        transaction.set_rollback(take_back)
"""


async def test_it_comes_while_the_transaction_is_open_and_the_alert_settles_it(
    layered_server, layered_shell, person, open_socket
):
    moderator = await open_socket(layered_server, person(is_staff=True, permissions=["view_post"]))
    stray = await open_socket(layered_server, person(is_staff=True))
    for socket in (moderator, stray):
        assert (await socket.frame())["type"] == "hello"
    layered_shell(SLOW)
    act = asyncio.create_task(asyncio.to_thread(layered_shell, "delete_slowly('Slow', 1.5)"))
    hint = await moderator.until("pending")
    assert not act.done()
    assert set(hint) == {"type", "id", "kind", "title", "expires_in"}
    assert (hint["kind"], hint["title"]) == ("post.deletion", "Post titled 'Slow' is about to be deleted")
    assert 1 <= hint["expires_in"] <= 60
    before = moderator.cursor
    await act
    frame = await moderator.until("alerts", lambda frame: frame["alerts"][-1]["kind"] == "post.deletion")
    assert frame["alerts"][-1]["id"] == hint["id"]
    assert frame["position"] > before
    await stray.silence(0.3, of="pending")


async def test_one_that_is_taken_back_is_never_more_than_a_hint(layered_server, layered_shell, person, open_socket):
    who = person(is_staff=True, permissions=["view_post"])
    socket = await open_socket(layered_server, who)
    hello = await socket.frame()
    layered_shell(SLOW)
    await asyncio.to_thread(layered_shell, "delete_slowly('Kept', 0.3, take_back=True)")
    hint = await socket.until("pending")
    await socket.send(type="ping")
    assert (await socket.until("heartbeat"))["unread"] == 0
    resumed = await open_socket(layered_server, who, f"epoch={hello['epoch']}&position={hello['position']}")
    await resumed.send(type="ping")
    await resumed.until("heartbeat")
    told = "".join(resumed.texts)
    assert hint["id"] not in told
    assert "pending" not in told


async def test_a_bulk_delete_in_the_web_process_itself_is_told_as_its_count_rises(server, shell, open_socket):
    name, password = f"admin-{server.name}", "correct-horse-battery-staple"
    shell("from posts.models import Post")
    shell(f"admin = User.objects.create_superuser({name!r}, password={password!r})")
    shell("Post.objects.bulk_create([Post(title='Many', author=admin) for _ in range(6000)])")
    visitor = Visitor(server.url)
    visitor.sign_in(name, password)
    socket = await open_socket(server, None, cookie=visitor.cookie)
    assert (await socket.frame())["type"] == "hello"
    fields = {
        "action": "delete_selected",
        "select_across": "1",
        "index": "0",
        "_selected_action": shell("Post.objects.first().pk"),
        "post": "yes",
    }
    act = asyncio.create_task(asyncio.to_thread(visitor.post, "/admin/posts/post/", fields))
    hint = await socket.until("pending")
    later = await socket.until("pending", lambda frame: frame["title"] != hint["title"])
    assert later["id"] == hint["id"]
    assert re.fullmatch(r"\d+ posts are about to be deleted", later["title"])
    assert (await act).status == 200
    frame = await socket.until("alerts", lambda frame: frame["alerts"][-1]["kind"] == "post.deletion")
    assert frame["alerts"][-1]["id"] == hint["id"]
    assert frame["alerts"][-1]["count"] >= 6000  # and what other tests have left
