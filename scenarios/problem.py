"""One problem of one file, and how pydantic's findings are said in words."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong at one place of a file; lines and columns count from 1."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        """Give `file:line:col: what is wrong, what would be right`, on one line whatever the file holds."""
        text = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in self.text)
        return f"{self.file}:{self.line}:{self.column}: {text}"


def explain(found: ErrorDetails, raw: str | None) -> str:
    """Say in words what pydantic found; `raw` is the value as it stands in the file (None = do not show it)."""
    kind, value = found["type"], found["input"]
    context = found.get("ctx", {})
    if kind in _SENTENCES:
        return _SENTENCES[kind](found, context)
    if value is None:
        return f"nothing is given: write {_wanted(kind)}, or remove the key"
    if kind in _LIMITS:
        return f"{_shown(raw)} is out of range: write {_LIMITS[kind](context)}"
    if kind == "literal_error":
        return _not_among(_shown(raw), context)
    return f"{_read_as(value, raw)}: write {_wanted(kind)}{_quotes(value, kind)}"


_SENTENCES: dict[str, Callable[[ErrorDetails, Mapping[str, Any]], str]] = {
    "value_error": lambda _, context: str(context["error"]),
    "missing": lambda found, _: f"{found['loc'][-1]} is missing: add it",
    "too_short": lambda *_: "nothing stands here: write at least one entry",
    "string_too_short": lambda *_: "nothing stands here: write at least one character",
}


def _not_among(shown: str, context: Mapping[str, Any]) -> str:
    names = re.findall(r"'([^']*)'", context["expected"]) or re.findall(
        r"\w+", context["expected"].replace(" or ", " ")
    )
    close = get_close_matches(shown.lower(), names, n=1)
    hint = f"did you mean {close[0]}? " if close else "write one of "
    return f"{shown} is not known: {hint}" + (f"(known: {', '.join(names)})" if close else ", ".join(names))


_LIMITS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda limits: f"a number above {limits['gt']}",
    "greater_than_equal": lambda limits: f"{limits['ge']} or more",
    "less_than_equal": lambda limits: f"{limits['le']} or less",
    "finite_number": lambda _: "a finite number",
    "string_too_long": lambda limits: f"at most {limits['max_length']} characters",
    "string_pattern_mismatch": lambda limits: _names(limits["pattern"]),
}


def _names(pattern: str) -> str:
    first = "a letter or digit" if pattern.startswith("^[A-Za-z0-9]") else "a letter"
    return f"{first} first, then letters, digits, '-' or '_' only"


_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "model_type": "keys and values under it",
    "dict_type": "keys and values under it",
    "tuple_type": "a list",
    "list_type": "a list",
    "path_type": "a file's path",
}


def _wanted(kind: str) -> str:
    return _WANTED.get(kind, "a value of the right form")


def _shown(raw: str | None) -> str:
    if raw is None:
        return "this"
    raw = raw.strip()
    return raw if len(raw) <= 60 else f"{raw[:57]}..."


def _read_as(value: object, raw: str | None) -> str:
    match value:
        case bool():
            read = str(value).lower()
            return f"YAML reads {raw} as {read}" if raw not in {None, read} else f"this is {read}"
        case int() | float():
            return (
                f"YAML reads {raw} as the number {value}" if raw not in {None, str(value)} else f"{value} is a number"
            )
        case dt.date():
            return f"YAML reads {_shown(raw)} as a date"
        case str():
            return f"{_shown(raw)} is text" if value else "this text is empty"
        case dict():
            return "these are keys and values"
        case _:
            return "this is a list"


def _quotes(value: object, kind: str) -> str:
    if kind == "string_type" and not isinstance(value, dict | list):
        return " (put it in quotes)"
    if isinstance(value, str) and kind in {"int_type", "float_type"} and re.fullmatch(r"[0-9.]+", value):
        return " (without quotes)"
    return ""
