"""docker-compose.yml and Dockerfile as a program sees them: variables filled in, commands ready to be run here."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.servers.environment import ROOT

VARIABLE = re.compile(r"\$\{(\w+)(?::\?([^}]*))?\}")


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def variables() -> dict[str, str]:
    """Every variable the file asks of .env, with what it says when there is none."""
    return dict(VARIABLE.findall((ROOT / "docker-compose.yml").read_text()))


def filled(value: Any, values: dict[str, str]) -> Any:
    """With each ${VARIABLE} filled in."""
    if isinstance(value, dict):
        return {key: filled(one, values) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, values) for one in value]
    return VARIABLE.sub(lambda match: values[match[1]], value) if isinstance(value, str) else value


def dockerfile() -> list[tuple[str, str]]:
    """Instructions with their arguments, lines joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in lines)]


def argument(name: str) -> str:
    """The one argument of an instruction that stands there once."""
    [found] = [rest for instruction, rest in dockerfile() if instruction == name]
    return found


def image_command() -> list[str]:
    command: list[str] = json.loads(argument("CMD"))
    return command


def here(command: list[str], *, port: int = 8000) -> list[str | Path]:
    """A command of the image with this Python, on a port of this machine."""
    assert command[0] == "python"
    local = [sys.executable, *command[1:]]
    return [part.replace("0.0.0.0", "127.0.0.1").replace("8000", str(port)) for part in local]
