"""`manage.py demo`, as processes: every alert accounted for, whatever it runs on and however it ends."""

import re
import signal

import pytest

from tests.servers.ports import wait_until

FAST = ("demo", "--fast", "--seed", "7")
HALF_DONE = """
from accounts.models import User
from alerts.models import Alert
from posts.models import Post
people = User.objects.filter(username__contains=".demo")
for user in people:
    for kind in ("user.registered", "user.welcome"):
        assert Alert.objects.filter(kind=kind, subjects__0__pk=str(user.pk)).count() == 1, (kind, user)
for post in Post.objects.all():
    assert Alert.objects.filter(kind="post.published", subjects__0__pk=str(post.pk)).count() == 1, post
    assert not Alert.objects.filter(kind="post.deletion", subjects__0__pk=str(post.pk)).exists(), post
print(people.count(), Post.objects.count())
"""


def acts(output):
    """What was done, without the words that tell of pace and pages."""
    return [re.sub(r" on the site$", "", line.split(": ", 1)[1]) for line in output.splitlines() if " acts, " in line]


def accounted(output):
    told = re.search(r"(\d+) alerts belong to them, (\d+) are in the log", output)
    assert told is not None, output
    assert told[1] == told[2]
    assert "Every alert is accounted for." in output
    return int(told[2])


def test_without_a_server_it_acts_through_the_models_and_says_what_to_type(site):
    output = site.manage(*FAST, "--count", "60", "--url", "http://127.0.0.1:9").stdout
    assert "script/server" in output
    assert len(acts(output)) == 60
    assert accounted(output) > 30
    assert "on the site" not in output
    assert site.python(HALF_DONE)


def test_on_a_served_site_half_of_it_are_page_requests(any_site):
    server = any_site.serve()
    output = any_site.manage(*FAST, "--count", "40", "--url", server.url).stdout
    assert 8 <= output.count("on the site") <= 32
    accounted(output)
    log = server.read_log()
    for path in ("/accounts/register/", "/posts/new/", "/delete/"):
        assert re.search(rf'"POST \S*{path} HTTP/1.1" 302', log), path
    assert any_site.python(HALF_DONE)


def test_the_same_seed_is_the_same_story(make_sqlite_site):
    one, other = (make_sqlite_site().manage(*FAST, "--count", "30").stdout for _ in range(2))
    assert acts(one) == acts(other)
    assert acts(one) != acts(make_sqlite_site().manage("demo", "--fast", "--seed", "8", "--count", "30").stdout)


def test_two_runs_never_meet_and_clean_removes_both(site):
    for _ in range(2):
        accounted(site.manage(*FAST, "--count", "25").stdout)
    people, posts = site.python(HALF_DONE).split()
    assert f"Removed {posts} posts and {people} people" in site.manage("demo", "--clean").stdout
    assert site.python(HALF_DONE).split() == ["0", "0"]
    assert "Removed 0 posts and 0 people" in site.manage("demo", "--clean").stdout


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_end_at_any_time_leaves_nothing_half_done(site, how):
    server = site.serve()
    demo = site.start_manage("demo", "--fast", "--url", server.url)
    wait_until(lambda: demo.read_log().count(" acts, ") > 15, what="some acts")
    assert demo.end(how) == 0
    accounted(demo.read_log())
    assert site.python(HALF_DONE)


def test_a_pause_ends_at_once(site):
    demo = site.start_manage("demo", "--url", "http://127.0.0.1:9")
    wait_until(lambda: demo.read_log().count(" acts, ") > 1, what="two acts")
    assert demo.end(signal.SIGINT, seconds=3) == 0


def test_a_server_that_dies_is_no_end(site):
    server = site.serve()
    demo = site.start_manage("demo", "--fast", "--count", "150", "--seed", "7", "--url", server.url)
    wait_until(lambda: demo.read_log().count("on the site") > 5, what="some pages")
    server.kill()
    assert demo.wait(seconds=60) == 0, demo.read_log()
    assert "From here on through the models alone" in demo.read_log()
    accounted(demo.read_log())


def test_a_live_site_is_left_alone(make_sqlite_site):
    site = make_sqlite_site(DEBUG="off")
    answer = site.manage("demo", "--fast", "--count", "3", check=False)
    assert answer.returncode == 1
    assert "Add --anyway" in answer.stderr
    accounted(site.manage("demo", "--fast", "--count", "3", "--anyway", "--url", "http://127.0.0.1:9").stdout)


def test_a_count_of_nothing_is_refused(site):
    answer = site.manage("demo", "--count", "0", check=False)
    assert (answer.returncode, "1 or more" in answer.stderr) == (1, True)
