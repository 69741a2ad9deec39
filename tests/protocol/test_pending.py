"""`pending`: the hint that an act has begun, heard by those who may see its alert."""

import asyncio

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
