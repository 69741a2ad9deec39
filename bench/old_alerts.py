"""A log that is long already: numbered alerts written by one statement of SQL. Runs in a process of the site."""

import time

from django.db import connection, transaction

from accounts.models import User
from alerts import reads
from alerts.audiences import keys_of
from alerts.models import LogHead, ReadState
from alerts.relay.head import read_head

# Nine of ten are for staff, each tenth for somebody else, a minute between two; subscribers.c counts such titles.
COLUMNS = (
    "INSERT INTO alerts_alert (id, position, kind, level, audience, title, body, url, actor, actor_id, subjects, "
    'count, "data", "group", place, created, expanded_at) '
)
POSTGRES = (
    COLUMNS
    + """
SELECT gen_random_uuid(), n, 'bench.old', 'info', CASE WHEN n %% 10 = 0 THEN 'user:0' ELSE 'staff' END,
       'bench 1000000 ' || n || ' ', 'What happened, in a sentence or two.', '', 'somebody', '1', '[]', 1, '{}', '', 0,
       now() - (%s - n) * interval '1 minute', now()
FROM generate_series(%s::bigint, %s::bigint) AS n
"""
)
SQLITE = (
    COLUMNS
    + """
SELECT lower(hex(randomblob(16))), n, 'bench.old', 'info', CASE WHEN n %% 10 = 0 THEN 'user:0' ELSE 'staff' END,
       'bench 1000000 ' || n || ' ', 'What happened, in a sentence or two.', '', 'somebody', '1', '[]', 1, '{}', '', 0,
       datetime('now', '-' || (%s - n) || ' minutes'), datetime('now')
FROM (WITH RECURSIVE series(n) AS (SELECT %s UNION ALL SELECT n + 1 FROM series WHERE n < %s) SELECT n FROM series)
"""
)


def lengthen(up_to: int) -> None:
    """Make the log this long."""
    first = read_head().position + 1
    statement = POSTGRES if connection.vendor == "postgresql" else SQLITE
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [up_to, first, up_to])
        LogHead.objects.update(position=up_to)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE alerts_alert" if connection.vendor == "postgresql" else "ANALYZE")


def count_unread(user_key: int, unread: int, times: int) -> float:
    """Seconds one count of unread alerts takes, for a user with these many positions unread; the fastest half."""
    user = User.objects.get(pk=user_key)
    keys, head = keys_of(user), read_head().position
    state = ReadState(user=str(user.pk), read_up_to=max(head - unread, 0))
    took = []
    for _ in range(times):
        began = time.perf_counter()
        reads.unread_count(state, keys, head)
        took.append(time.perf_counter() - began)
    return sorted(took)[times // 2]
