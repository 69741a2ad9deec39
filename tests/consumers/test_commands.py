import pytest

from consumers.commands import BadCommand, parse, registered


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
