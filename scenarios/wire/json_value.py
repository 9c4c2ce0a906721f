"""JSON as servers write it, good or bad."""

from __future__ import annotations

import json

from pydantic_core import from_json

_BOM = b"\xef\xbb\xbf"


def parse(data: bytes) -> object:
    """Give the JSON value that `data` holds, a byte order mark before it or not; None when there is none.

    What pydantic's parser takes, it reads as the json module does in half the time; what it refuses (bytes that are
    not UTF-8, half a surrogate pair, deep nesting) is left to the json module.
    """
    value: object
    try:
        value = from_json(data)
    except ValueError:
        try:
            value = json.loads(data.removeprefix(_BOM).decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            value = None
    return value
