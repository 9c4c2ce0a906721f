"""Grounding: the figures, codes and links of an answer that nobody gave it."""

import re
from collections.abc import Iterator

from scenarios.fact import number, numbers, plain

_LINK = re.compile(r"(?:https?://|www\.)[^\s)>\]\"']+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{0,99}\w")
_MARKER = re.compile(r"(?m)^[ \t]*(?:[-*#>]+[ \t]*)?\d{1,2}[.)][ \t]+")
"""Numbers of a list's items."""
_CODE = re.compile(r"(?<![\w.,-])(?=[\w-]*[a-z])(?=[\w-]*\d)\w[\w-]+")
"""A word with letters and digits, such as e7 or tm-880.1"""
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s|x|h|m|ms|km|kg|gb|mb|kb|%|am|pm)")
_NUMBER = re.compile(r"(?<![\w.,-])\d[\d.,]*")


def ungrounded(answer: str, sources: str) -> Iterator[str]:
    """Give the links, codes and numbers of `answer` that stand nowhere in `sources`, as written but case folded."""
    said, known = plain(_MARKER.sub("", answer)), plain(sources)
    for link in _LINK.findall(said):
        if link.rstrip(".,;:!?/") not in known:
            yield link
    said = _LINK.sub(" ", said)
    for code in _CODE.findall(said):
        if code not in known and not _ORDINAL.fullmatch(code):
            yield code
    given = set(numbers(known)) | {float(digits) for digits in re.findall(r"\d+", known)}
    for match in _NUMBER.finditer(said):
        if number(match[0]) not in given:
            yield match[0].rstrip(".,")
