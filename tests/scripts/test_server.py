import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.environment import DEFAULTS, ROOT
from tests.servers.ports import free_port

TOOLS = ("sh", "dirname", "uname", "id", "env", "cat", "mkdir")


@pytest.fixture
def clone(tmp_path) -> Path:
    """As much of a clone as script/server touches before the long work."""
    clone = tmp_path / "a clone"
    shutil.copytree(ROOT / "script", clone / "script")
    (clone / "requirements.txt").touch()
    return clone


@pytest.fixture
def bin_folder(tmp_path) -> Path:
    """A PATH of its own, without any Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    return folder


def pretend_python(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def server(clone: Path, *arguments: str, path: Path | str = os.environ["PATH"]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [clone / "script/server", *arguments],
        env={"PATH": str(path)},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def refusal(result: "subprocess.CompletedProcess[str]") -> str:
    """The one line of a start that refused."""
    assert (result.returncode, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    return line


def test_help_says_what_it_does(clone):
    result = server(clone, "--help")
    assert result.returncode == 0
    assert "--port N" in result.stdout


def test_a_taken_port_names_a_free_one_before_anything_is_built(clone):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        line = refusal(server(clone, "--port", str(port)))
    assert f"Port {port} is taken. Type: script/server --port " in line
    assert int(line.rpartition(" ")[2]) != port
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("port", ["0", "65536", "99999999999999999999", "-1", "eighty", ""])
def test_a_port_that_is_none_is_refused(clone, port):
    assert "A port is a number from 1 to 65535. Type: script/server --port 8001" in refusal(
        server(clone, "--port", port)
    )


@pytest.mark.parametrize("arguments", [["--port"], ["--verbose"], ["8001"]])
def test_a_wrong_option_says_what_to_type(clone, arguments):
    assert "Type: script/server " in refusal(server(clone, *arguments))


def test_without_a_python_it_says_what_to_install(clone, bin_folder):
    assert "No Python was found. Type: " in refusal(server(clone, path=bin_folder))


def test_an_old_python_is_named_with_its_version(clone, bin_folder):
    pretend_python(bin_folder, "python3", 'case "$2" in *version_info*%*|*%*version_info*) echo 3.9;; *) exit 1;; esac')
    assert "Python 3.11 or newer is needed (python3 is 3.9). Type: " in refusal(server(clone, path=bin_folder))


def test_a_python_without_venv_names_the_package(clone, bin_folder):
    pretend_python(bin_folder, "python3.11", 'case "$2" in *ensurepip*) exit 1;; *) echo 3.11;; esac')
    line = refusal(server(clone, path=bin_folder))
    assert "Python 3.11 has no venv module. Type: " in line
    assert "3.11" in line.partition("Type: ")[2]


def test_a_shim_that_fails_is_passed_over_for_a_python_that_works(clone, bin_folder):
    pretend_python(bin_folder, "python3.13", "exit 127")
    pretend_python(bin_folder, "python3", f'exec "{Path(sys.executable).resolve()}" "$@"')
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # That it gets as far as the port shows that it has found one.
        assert "is taken" in refusal(server(clone, "--port", str(listener.getsockname()[1]), path=bin_folder))


def test_pip_failing_leaves_a_venv_that_does_not_count(clone):
    (clone / "requirements.txt").write_text("no-such-package @ file:///nowhere\n")
    result = server(clone, "--port", str(free_port()))
    assert result.returncode == 1
    assert "pip could not install requirements.txt" in result.stderr.splitlines()[-1]
    assert not (clone / ".venv/complete").exists()


def test_a_shell_that_is_bent_does_not_bend_the_start(clone):
    broken = {"PATH": os.environ["PATH"], "PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "VIRTUAL_ENV": "/nowhere"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [clone / "script/server", "--port", str(listener.getsockname()[1])]
        result = subprocess.run(command, env=broken, capture_output=True, text=True, timeout=60)
    assert "is taken" in refusal(result)


def test_the_environment_of_the_tests_names_every_variable_there_is():
    lines = (ROOT / ".env.example").read_text().splitlines()
    names = {line.lstrip("#").partition("=")[0] for line in lines if "=" in line and not line.startswith("# ")}
    assert names == set(DEFAULTS)
