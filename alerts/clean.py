"""Makes any value fit the log: no text or number that a database or a browser refuses, nothing over its limit."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

TITLE, BODY, LABEL, URL, KEY = 200, 4_000, 200, 2_000, 255  # characters
DATA = 16 * 1024  # bytes of JSON
MARK = "…"


def text(value: object, limit: int) -> str:
    """A text without NUL and lone surrogates, cut with a mark."""
    clean = str(value)
    if "\x00" in clean or not clean.isascii():
        clean = clean.replace("\x00", "").encode("utf-8", "replace").decode()
    return clean if len(clean) <= limit else clean[: limit - len(MARK)] + MARK


def one_line(value: object, limit: int = LABEL) -> str:
    """A text for a log: one line whatever somebody has typed, with nothing in it that moves a terminal's cursor."""
    return text("".join(c if c.isprintable() else " " for c in str(value)), limit)


def json_value(value: Any, depth: int = 0) -> Any:
    """The same value as plain JSON. Raises TypeError for what JSON has no form for."""
    if depth > 20:
        raise TypeError("nested deeper than 20 levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return text(value, DATA)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key that is not text")
        return {text(key, KEY): json_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item, depth + 1) for item in value]
    raise TypeError(f"a value of type {type(value).__name__}")


def data(value: Mapping[str, Any]) -> dict[str, Any]:
    """A snapshot of at most 16 KB: its longest entries are cut first. Raises TypeError as `json_value` does."""
    if not isinstance(value, Mapping):
        raise TypeError(f"a {type(value).__name__} where a dictionary belongs")
    clean: dict[str, Any] = json_value(value)
    size = len(json.dumps(clean))
    if size <= DATA:
        return clean
    sizes = {key: len(json.dumps(item)) for key, item in clean.items()}
    for key in sorted(sizes, key=sizes.__getitem__, reverse=True):
        item = clean[key]
        clean[key] = text(item, 1_000) if isinstance(item, str) and len(item) > 1_000 else MARK
        size += len(json.dumps(clean[key])) - sizes[key]
        if size <= DATA:
            return clean
    return {MARK: MARK}


def path(value: object) -> str:
    """A path on this site, or nothing: an alert never leads elsewhere, nor to a script."""
    url = text(value, URL)
    if not url.startswith("/") or url.startswith(("//", "/\\")) or any(ord(character) < 32 for character in url):
        return ""
    return url
