import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.commands import LARGEST_POSITION, MOST_IDS, BadCommand, Mark, ReadAll, parse, registered


def test_a_command_is_found_by_its_type_alone():
    command, fields = parse('{"type":"ping","x":[1]}')
    assert command is registered["ping"]
    assert fields == {"type": "ping", "x": [1]}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_json"),
        ("[]", "bad_json"),
        ("{", "bad_json"),
        ('{"type":NaN}', "bad_json"),
        ('{"type":"ping","type":"ping"}', "bad_json"),
        ("[" * 100_000, "bad_json"),
        ("9" * 5_000, "bad_json"),
        ("{}", "bad_type"),
        ('{"type":1}', "bad_type"),
        ('{"type":"run"}', "unknown_command"),
        ('{"type":"__class__"}', "unknown_command"),
    ],
)
def test_anything_else_has_a_code_and_words(text, code):
    with pytest.raises(BadCommand) as caught:
        parse(text)
    assert caught.value.code == code
    assert str(caught.value)


def test_an_unknown_name_is_given_back_fit_to_print():
    with pytest.raises(BadCommand) as caught:
        parse('{"type":"\\ud800' + "x" * 100 + '"}')
    assert caught.value.command is not None
    assert len(caught.value.command) == 50
    caught.value.command.encode()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=3,
)
commands = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(registered)) | values}, optional={"ids": values, "up_to": values}
)


@settings(max_examples=10_000, deadline=None, database=None)
@given(st.text(max_size=30) | values.map(json.dumps) | commands.map(json.dumps))
def test_junk_of_every_kind_is_a_command_or_refused(text):
    with suppress(BadCommand):
        command, fields = parse(text)
        if isinstance(command, Mark):
            assert 1 <= len(command.ids(fields)) <= MOST_IDS
        elif isinstance(command, ReadAll):
            assert 0 <= command.position(fields, "up_to") <= LARGEST_POSITION
