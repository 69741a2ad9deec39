from hypothesis import given
from hypothesis import strategies as st

from alerts.frames import Entry
from consumers.index import Index

AUDIENCES = ("everyone", "staff", "user:1", "user:2")
entries = st.lists(st.sampled_from(AUDIENCES)).map(
    lambda audiences: [Entry(3 + number, audience, "", "", 0) for number, audience in enumerate(audiences)]
)


@given(entries, st.integers(0, 40), st.sets(st.sampled_from([*AUDIENCES, "user:3"])))
def test_it_counts_what_reading_through_all_of_them_counts(held, after, keys):
    expected = sum(entry.audience in keys and entry.position > after for entry in held)
    assert Index(held).count_after(after, keys) == expected
