"""The short way of a content chunk: a decoder that knows all of the next event but one JSON string can say so."""

from __future__ import annotations

import re
from typing import NamedTuple

STRING_BODY = rb'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))++'
"""The inside of a JSON string that is not empty (RFC 8259 section 7)."""

is_string_body = re.compile(STRING_BODY).fullmatch

NEXT = b'","'
"""What stands behind each body that is kept: they are the inside of a JSON array of strings."""


class Plain(NamedTuple):
    """The bytes around the string body that makes the next event a content chunk like the last; `said` keeps them."""

    before: bytes
    after: bytes
    said: bytearray

    def take(self, data: bytes, start: int = 0) -> bool:
        """Keep the body if `data`, from `start` on, is exactly such an event, and tell whether it is.

        Anything else must be fed to the decoder.
        """
        before, after, said = self
        if data.startswith(before, start) and data.endswith(after):
            body = data[start + len(before) : len(data) - len(after)]
            if is_string_body(body):
                said += body + NEXT
                return True
        return False
