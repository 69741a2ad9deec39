import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import clean
from alerts.models import Alert
from alerts.outbox import record

ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
)


@given(ANY_TEXT, st.integers(1, 50))
def test_a_clean_text_has_no_nul_no_surrogate_and_fits(value, limit):
    text = clean.text(value, limit)
    text.encode()
    assert "\x00" not in text
    assert len(text) <= limit


@given(ANY_TEXT)
def test_a_text_for_a_log_is_one_printable_line(value):
    assert clean.one_line(value).isprintable()


def test_a_text_for_a_log_is_otherwise_left_alone():
    assert clean.one_line("Grüße, 'ada' 🎉") == "Grüße, 'ada' 🎉"
    assert clean.one_line("a\nb\x1b[2Kc\u202ed\u2028e") == "a b [2Kc d e"


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(ANY_TEXT, JSON))
def test_a_clean_snapshot_is_json_that_every_database_and_browser_takes_and_fits(value):
    text = json.dumps(clean.data(value), allow_nan=False)
    assert len(text) <= clean.DATA
    assert "\\u0000" not in text
    json.dumps(json.loads(text), ensure_ascii=False).encode()


def test_a_text_within_its_limit_is_left_alone():
    assert clean.text("Grüße, 世界 🎉", 200) == "Grüße, 世界 🎉"
    assert clean.text("x" * 200, 200) == "x" * 200


def test_a_text_over_its_limit_ends_with_a_mark():
    assert clean.text("x" * 201, 200) == "x" * 199 + "…"


def test_numbers_that_json_has_no_form_for_are_null():
    assert clean.data({"a": float("nan"), "b": float("inf"), "c": [-float("inf"), 1.5]}) == {
        "a": None,
        "b": None,
        "c": [None, 1.5],
    }


def test_the_longest_entries_of_a_snapshot_are_cut_first():
    data = clean.data({"id": 7, "body": "x" * 15_000, "note": "y" * 5_000, "list": ["z"]})
    assert data["body"] == "x" * 999 + "…"
    assert (data["note"], data["id"], data["list"]) == ("y" * 5_000, 7, ["z"])


def test_an_over_long_list_is_replaced_by_a_mark():
    assert clean.data({"id": 7, "rows": list(range(10_000))}) == {"id": 7, "rows": "…"}


def test_a_snapshot_of_very_many_keys_is_a_mark_alone():
    assert clean.data({f"key {number}": "x" for number in range(3_000)}) == {"…": "…"}


@pytest.mark.parametrize(
    "value", [{"a": date(2026, 1, 1)}, {"a": object()}, {"a": b""}, {1: 2}, {"a": {1: 2}}, [], None, "text"]
)
def test_what_json_has_no_form_for_is_a_type_error(value):
    with pytest.raises(TypeError):
        clean.data(value)


def test_what_is_nested_without_end_is_a_type_error():
    loop: dict[str, object] = {}
    loop["loop"] = loop
    with pytest.raises(TypeError, match="nested"):
        clean.data(loop)


@pytest.mark.parametrize("path", ["/", "/posts/7/", "/a?b=c#d", "/überall/"])
def test_a_path_on_this_site_is_kept(path):
    assert clean.path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "posts/",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a\nb",
        "/\t/x",
    ],
)
def test_a_url_that_leads_elsewhere_is_left_out(path):
    assert clean.path(path) == ""


@pytest.mark.django_db
def test_the_database_takes_the_worst_that_a_row_can_hold():
    evil = "\x00" + chr(0xD800) + "\u2028" + "🎉" * 5_000
    alert = record(
        kind="test.evil",
        audience="staff",
        title=evil,
        body=evil,
        url="/" + evil,
        subjects=[{"model": evil, "pk": evil, "label": evil}],
        cause={"model": evil, "pk": evil, "label": evil},
        data={evil: evil, "nan": float("nan")},
    )
    alert = Alert.objects.get(pk=alert.pk)
    assert (len(alert.title), len(alert.body), len(alert.subjects[0]["label"])) == (200, 4_000, 200)
    assert alert.title.startswith("?\u2028🎉")
    assert alert.title.endswith("…")
    assert alert.data["nan"] is None
