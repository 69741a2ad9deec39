"""F20: the tests bite. With a safeguard switched off, the tests that hold its promise turn red."""

import os
import subprocess

import pytest

from tests.faults.sabotage import switches
from tests.servers.environment import PYTHON, ROOT

pytestmark = pytest.mark.fault("F20")
# What must turn red without each; quick ones, of which there are more.
HELD_BY = {
    "outbox": ["tests/faults/test_f03_rollbacks.py", "-k", "sqlite"],
    "position": ["--stack=postgres", "tests/alerts/relay/test_numbering.py", "-k", "committed_yet"],
    "sweep": ["tests/alerts/relay/test_bell.py", "-k", "dead_process"],
    "lease": ["tests/alerts/relay/test_leases.py"],
    "ack_window": ["tests/consumers/test_feed.py", "-k", "window"],
    "revocation": ["tests/protocol/test_revocation.py", "-k", "uvicorn and deactivated"],
    "act_identity": ["tests/alerts/test_acts.py"],
}


def run(*arguments: str, without: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            PYTHON,
            "-m",
            "pytest",
            "--ds=tests.faults.sabotaged",
            "-q",
            "--maxfail=1",
            "-p",
            "no:cacheprovider",
            *arguments,
        ],
        env={**os.environ, "ALERTS_WITHOUT": without},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("safeguard", sorted(switches))
def test_without_a_safeguard_a_test_turns_red(safeguard):
    result = run(*HELD_BY[safeguard], without=safeguard)
    assert result.returncode == 1, f"nothing turned red without {safeguard}\n{result.stdout}\n{result.stderr}"
    assert "FAILED" in result.stdout, result.stdout


def test_every_safeguard_has_its_test():
    assert set(HELD_BY) == set(switches)
