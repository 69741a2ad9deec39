from pathlib import Path

import pytest

from tests.servers.programs import PROGRAMS, Program

NOWHERE = Program("a program", ("no-such-program-anywhere",), apt="a", brew="b")


def test_a_program_on_path_is_found(tmp_path, monkeypatch):
    program = tmp_path / "some-server"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Program("some", ("other-server", "some-server"), apt="a", brew="b").find() == program


def test_off_path_the_newest_folder_wins(tmp_path):
    for version in ("14", "15"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "some-server").touch()
    folders = (f"{tmp_path.relative_to('/')}/*",)
    program = Program("some", ("some-server",), apt="a", brew="b", folders=folders)
    assert program.find() == tmp_path / "15" / "some-server"


def test_a_wheel_that_is_not_installed_is_no_place_to_look():
    assert Program("some", (), apt="a", brew="b", wheel="no_such_module:path").find() is None


def test_a_wheel_says_where_its_program_is():
    assert Program("some", (), apt="a", brew="b", wheel="os:sep").find() == Path("/")


def test_a_missing_program_skips_with_the_line_to_type(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"a program is not on this system\. Type: script/test --install"):
        NOWHERE.require()


def test_a_missing_program_fails_in_ci(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="a program is not on this system"):
        NOWHERE.require()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_each_program_we_use_has_a_package_for_apt_and_brew(program):
    assert program.apt
    assert program.brew
