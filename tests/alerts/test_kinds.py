import pytest

from alerts.events import ModelEvent
from alerts.exceptions import DeclarationError
from alerts.kinds import declare, declared, transports_of


def test_a_class_is_declared_by_being_defined_and_its_transports_are_known():
    class Mailed(ModelEvent):
        kind = "test.mailed"
        transports = ("email",)
        title = "x"

    assert declared["test.mailed"] is Mailed
    assert transports_of("test.mailed") == ("email",)
    assert transports_of("test.unknown") == ()


def test_the_same_class_read_again_takes_its_own_place():
    def read():
        class Same(ModelEvent):
            kind = "test.same"
            title = "x"

        return Same

    read()
    again = read()
    assert declared["test.same"] is again


def test_another_class_of_that_kind_is_refused():
    class First(ModelEvent):
        kind = "test.same"
        title = "x"

    class Second(ModelEvent):
        title = "x"

    Second.kind = "test.same"
    with pytest.raises(DeclarationError, match="Give one of them another kind"):
        declare(Second)
    assert declared["test.same"] is First
