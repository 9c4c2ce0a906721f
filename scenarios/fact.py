"""Facts: what an answer must or must not assert, and whether it does."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic import Strict as Exact

from scenarios.strict import AlsoWritten, Strict

LONGEST = 50_000
"""Characters of an answer that are read: far beyond any that was asked for."""

_QUOTES = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2212": "-"}
)
_BLANKS = re.compile(r"\s+")
_NEGATED = re.compile(
    r"(?:\b(?:not(?! only)|never|no|nor|neither|without|rather than|instead of|unlike)\b|n't\b)[^.!?;:,]{0,30}$"
)
_NUMBER = re.compile(r"(?<![\w.,])[-+]?\d[\d.,]*")
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def plain(text: str) -> str:
    """Give a text as facts are looked for in it: NFKC, case folded, one kind of quote and dash, single blanks."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text[:LONGEST]).translate(_QUOTES).casefold()).strip()


def numbers(text: str) -> Iterator[float]:
    """Read the numbers of a text: `1,234.5` is grouped, a lone comma before one or two digits is a decimal point."""
    for match in _NUMBER.finditer(text):
        yield number(match[0])


def number(written: str) -> float:
    """Read one of them."""
    text = written.rstrip(".,")
    if _GROUPED.fullmatch(text):
        return float(text.replace(",", ""))
    if re.fullmatch(r"[-+]?\d{1,3}(?:\.\d{3})+,\d+", text):
        text = text.replace(".", "")
    whole, *rest = re.split(r"[.,]", text)
    return float(f"{whole}.{''.join(rest)}" if rest else whole)


@cache
def _phrase(text: str) -> re.Pattern[str]:
    """Match whole words."""
    return re.compile(rf"(?<!\w){re.escape(plain(text))}(?!\w)")


def compiles(text: str) -> str:
    """Check a regular expression. Raises ValueError."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"this is no regular expression: {error}") from None
    return text


Text = Annotated[str, Field(min_length=1)]


class Fact(Strict):
    """One thing that may be asserted: any of some texts, a pattern, a number, or several of a list.

    A text alone stands for `any: [text]`, a list for `any: list`. Texts are found as whole words, whatever their case;
    one that is negated shortly before (`not`, `never`, `instead of`) is not asserted.
    """

    other_names: ClassVar[dict[str, str]] = {"one_of": "any", "pattern": "regex", "value": "number", "all": "of"}

    any: tuple[Text, ...] = ()
    """Any of these texts."""
    regex: Annotated[str, AfterValidator(compiles)] | None = None
    """A pattern to be found anywhere, whatever the case."""
    example: str = ""
    """Words that match the pattern: what a simulated endpoint says when it is right."""
    number: Annotated[float, Exact()] | None = None
    """A number."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """How far off the number may be."""
    of: tuple[Text, ...] = ()
    """A set of texts, all of them, or `at_least` so many."""
    at_least: Annotated[int, Field(ge=1)] | None = None
    """How many of the set are enough; left out = all."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = [bool(self.any), self.regex is not None, self.number is not None, bool(self.of)]
        if sum(forms) != 1:
            raise ValueError("a fact is one of any, regex, number, of: write one of them")
        if self.at_least is not None and self.at_least > len(self.of):
            raise ValueError(f"at_least ({self.at_least}) cannot be above the number of texts ({len(self.of)})")
        if self.example and not self.asserted(plain(self.example)):
            raise ValueError(f"the example {self.example!r} does not match: write words that assert the fact")
        return self

    @model_serializer(mode="wrap")
    def _only_what_is_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key in self.model_fields_set}

    def asserted(self, text: str) -> str:
        """Give the words of `text` (made `plain`) that assert it, "" where none do."""
        if self.number is not None:
            return self._number_in(text)
        if self.of:
            return self._several_in(text)
        patterns = [re.compile(self.regex, re.IGNORECASE)] if self.regex is not None else map(_phrase, self.any)
        return next((found for pattern in patterns if (found := _asserted(pattern, text))), "")

    def _number_in(self, text: str) -> str:
        assert self.number is not None
        near = (m for m in _NUMBER.finditer(text) if abs(number(m[0]) - self.number) <= self.tolerance + 1e-9)
        return next((match[0] for match in near if not _is_negated(text, match.start())), "")

    def _several_in(self, text: str) -> str:
        found = [words for item in self.of if (words := _asserted(_phrase(item), text))]
        return ", ".join(found) if len(found) >= (self.at_least or len(self.of)) else ""

    @property
    def words(self) -> str:
        """Give words that assert it; "" for a pattern without an example."""
        if self.number is not None:
            return f"{self.number:.15g}"
        return self.example or ", ".join(self.of) or next(iter(self.any), "")

    def __str__(self) -> str:
        """Say what it is, for evidence."""
        if self.number is not None:
            return f"{self.number:g}" + (f" ± {self.tolerance:g}" if self.tolerance else "")
        if self.of:
            return f"{self.at_least or len(self.of)} of {', '.join(self.of)}"
        return f"/{self.regex}/" if self.regex is not None else " or ".join(self.any)


def _asserted(pattern: re.Pattern[str], text: str) -> str:
    matches = (match for match in pattern.finditer(text) if match[0])
    return next((match[0] for match in matches if not _is_negated(text, match.start())), "")


def _is_negated(text: str, at: int) -> bool:
    return _NEGATED.search(text[max(at - 60, 0) : at]) is not None


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return {"any": [value]}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"number": value}
    return {"any": value} if isinstance(value, list | tuple) else value


AnyFact = Annotated[
    Fact,
    BeforeValidator(_short),
    AlsoWritten({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""A fact, however it is written."""
