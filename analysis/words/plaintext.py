"""Text from servers and scenario files, made safe to show: nothing in it moves a cursor, hides or reorders."""

from __future__ import annotations

import re
import unicodedata

_MARKDOWN = re.compile(r"[\\`*\[\]#!|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[-+=]|^\d+[.)]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@<!-- -->", "://": ":<!-- -->//"}


def clean(text: object) -> str:
    r"""Give `text` on one line, with each control or format character written as its escape (`\x1b`, `\u202e`).

    Line ends and tabs become one space. Spaces of any width are kept as they are.
    """
    flat = re.sub(r"[\t\r\n\v\f\x85\u2028\u2029]+", " ", str(text))
    return "".join(char if _is_visible(char) else _escape(char) for char in flat)


def _is_visible(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def markdown(text: object) -> str:
    """Give `text` as Markdown that renders to the same characters: no markup, no HTML, no table break, no mention."""
    escaped = _MARKDOWN.sub(_backslash, clean(text).strip())
    return re.sub(r"[&<>@]|://", lambda found: _ENTITIES[found[0]], escaped)


def _backslash(found: re.Match[str]) -> str:
    return f"{found[0][:-1]}\\{found[0][-1]}"


def markdown_code(text: object) -> str:
    """Give `text` as a Markdown code span that holds in a table cell."""
    inner = clean(text).replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", inner)), default=0)
    if not longest:
        return f"`{inner or ' '}`"
    fence = "`" * (longest + 1)
    return f"{fence} {inner} {fence}"
