from bench.rows.storm import reads_of_the_log

ENTRIES = 'SELECT "alerts_alert"."seq", "alerts_alert"."title" FROM "alerts_alert" WHERE "alerts_alert"."position" > $1'
COUNT = 'SELECT "alerts_alert"."seq" FROM "alerts_alert" WHERE "alerts_alert"."position" <= $1 LIMIT $2'


def test_reads_of_entries_and_of_counts_are_told_apart() -> None:
    assert reads_of_the_log([(ENTRIES, 3), (COUNT, 4), (COUNT + " ", 1)]) == {"entries": 3, "counts": 5}


def test_what_is_no_read_of_the_log_does_not_count() -> None:
    sweep = 'SELECT $1 AS "a" FROM "alerts_alert" WHERE "alerts_alert"."position" IS NULL LIMIT $2'
    unexpanded = 'SELECT "alerts_alert"."title" FROM "alerts_alert" WHERE "alerts_alert"."expanded_at" IS NULL'
    writes = 'INSERT INTO "alerts_alert" ("title") VALUES ($1)'
    other = 'SELECT "alerts_loghead"."position" FROM "alerts_loghead"'
    assert not reads_of_the_log([(sweep, 1), (unexpanded, 1), (writes, 1), (other, 1)])
