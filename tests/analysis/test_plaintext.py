"""Hostile text is shown, never obeyed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from analysis.words.plaintext import clean, markdown, markdown_code

HOSTILE = st.text(alphabet=st.characters() | st.sampled_from("`|*_[]()<>&@#!~\\\x1b\u202e\n\t-+.1="), max_size=40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("two\r\nlines\tand a tab", "two lines and a tab"),
        ("\U000e0041", "\\U000e0041"),
        ("lone \ud800 surrogate", "lone \\ud800 surrogate"),
        ("Größe 12\u202f345", "Größe 12\u202f345"),
    ],
)
def test_clean_makes_what_cannot_be_seen_visible(text: str, expected: str) -> None:
    """Controls, direction marks and lone surrogates become escapes; letters of any script stay."""
    assert clean(text) == expected


@given(HOSTILE)
def test_clean_text_has_no_character_that_acts(text: str) -> None:
    """No control, format, surrogate or line-separating character is left."""
    assert {unicodedata.category(char) for char in clean(text)}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})


@given(HOSTILE)
def test_clean_is_idempotent(text: str) -> None:
    """Clean text stays as it is."""
    assert clean(text) == clean(clean(text))


@given(HOSTILE)
def test_markdown_renders_to_the_text_itself(text: str) -> None:
    """A renderer shows the same characters in one paragraph, without any markup of the text's own."""
    tokens = [token for token in _rendered(markdown(text)) if token.type != "html_inline"]
    assert {token.type for token in tokens} <= {"text", "text_special"}
    assert "".join(token.content for token in tokens).strip() == clean(text).strip()


@given(HOSTILE)
def test_markdown_code_renders_to_the_text_itself(text: str) -> None:
    """A code span in a table cell shows the same characters and stays one cell."""
    table = f"| a | b |\n|---|---|\n| {markdown_code(text)} | end |\n"
    cells = [token for token in MarkdownIt("gfm-like", {"linkify": False}).parse(table) if token.type == "inline"][2:]
    assert [token.content for token in cells][1:] == ["end"]
    assert {token.type for token in cells[0].children or []} <= {"code_inline"}


@pytest.mark.parametrize("text", ["@octocat", "https://example.com", "<b>", "![x](y)", "~~x~~", "$x$", "1. x"])
def test_markdown_makes_no_mention_link_or_markup(text: str) -> None:
    """What a pull-request page would act on is broken up or escaped."""
    assert text not in markdown(text)


def _rendered(text: str) -> list:
    blocks = MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(text)
    assert [token.type for token in blocks] in ([], ["paragraph_open", "inline", "paragraph_close"])
    return [child for token in blocks for child in token.children or []]
