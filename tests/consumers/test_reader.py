from alerts import reads
from alerts.audiences import keys_of
from alerts.models import Alert, LogHead
from alerts.outbox import record
from alerts.relay.bell import bell
from consumers.pool import people_lane
from consumers.watch import Watch


def write(key: str, count: int) -> int:
    for number in range(count):
        record(kind="test.reader", audience=key, title=f"Alert {number}")
    return bell.number_all()


def counted(user) -> int:
    return reads.sync(user, keys_of(user), []).unread


async def test_the_count_follows_the_tail_without_asking_the_database(browse, ann, service):
    reader = (await browse(ann)).feed.reader
    head = await people_lane(write, f"user:{ann.pk}", 3)
    await people_lane(write, "user:0", 2)
    await service.tail.refresh()
    assert (reader.unread, reader.head, reader.is_behind) == (3, head + 2, False)


async def test_a_leap_of_the_log_too_far_to_count_is_counted_by_the_database(browse, ann, service, monkeypatch):
    monkeypatch.setattr("consumers.tail.NEAR", 10)
    reader = (await browse(ann)).feed.reader
    await people_lane(write, f"user:{ann.pk}", 2)
    await service.tail.refresh()
    assert reader.unread == 2
    await people_lane(write, f"user:{ann.pk}", 30)
    await service.tail.refresh()
    assert reader.is_behind or reader.unread == 32
    await Watch(service).look(service.readers)
    assert (reader.unread, reader.is_behind) == (32, False)
    await people_lane(write, f"user:{ann.pk}", 1)
    await service.tail.refresh()
    assert reader.unread == 33 == await people_lane(counted, ann)


def restore(to: int) -> None:
    Alert.objects.filter(position__gt=to).delete()
    LogHead.objects.update(position=to)


async def test_a_log_that_went_back_is_counted_anew(browse, ann, service):
    browser = await browse(ann)
    reader = browser.feed.reader
    head = await people_lane(write, f"user:{ann.pk}", 5)
    await service.tail.refresh()
    assert reader.unread == 5
    await people_lane(restore, head - 2)
    await service.tail.refresh()
    assert reader.head == head - 2
    await browser.until(lambda: browser.frames[-1]["type"] == "gap")
    await Watch(service).look(service.readers)
    assert (reader.unread, reader.head) == (3, head - 2)


async def test_a_count_that_a_newer_change_overtook_is_let_go_and_made_again(browse, ann, service):
    reader = (await browse(ann)).feed.reader
    head = await people_lane(write, f"user:{ann.pk}", 4)
    await service.tail.refresh()
    late = await people_lane(reads.sync, ann, reader.keys, [])
    change = await people_lane(reads.mark_all_read, ann, reader.keys, head)
    reader.hear_reads(version=change.version, unread=change.unread, counted_up_to=head, frame='{"type":"reads"}')
    reader.note_reads(late.version, late.unread, late.counted_up_to)
    assert (reader.reads_version, reader.unread, reader.is_behind) == (1, 0, True)
    await Watch(service).look(service.readers)
    assert (reader.reads_version, reader.unread, reader.is_behind) == (1, 0, False)


async def test_a_change_is_told_once_to_every_socket(browse, ann):
    one, two = await browse(ann), await browse(ann)
    reader = one.feed.reader
    assert two.feed.reader is reader
    for version in (1, 1, 0):
        reader.hear_reads(version=version, unread=7, counted_up_to=0, frame='{"type":"reads"}')
    for browser in (one, two):
        await browser.until(lambda browser=browser: browser.frames[-1]["type"] == "reads")
        assert [frame["type"] for frame in browser.frames] == ["hello", "reads"]
