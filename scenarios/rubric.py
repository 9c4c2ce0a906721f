"""A rubric: what counts as a refusal, as not knowing, as a way on, and as too short."""

import re
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from scenarios.expect import Expect
from scenarios.fact import compiles
from scenarios.quantities import Count
from scenarios.source import SHIPPED, read
from scenarios.strict import Strict

Pattern = Annotated[str, AfterValidator(compiles)]

DEFAULT = SHIPPED / "rubrics" / "chat.yaml"


class Rubric(Strict):
    """How answers are judged, apart from what each case expects."""

    other_names: ClassVar[Mapping[str, str]] = {"expect": "cases", "refusal": "refusals", "fallbacks": "ways_on"}

    refusals: tuple[Pattern, ...] = ()
    """Patterns of answers that refuse."""
    admissions: tuple[Pattern, ...] = ()
    """Patterns of answers that say they do not know."""
    ways_on: tuple[Pattern, ...] = ()
    """Patterns that offer the user a way on; with an admission they make a graceful fallback."""
    empties: tuple[Pattern, ...] = ()
    """Patterns of answers that say nothing."""
    min_words: Count = 5
    """Fewer words are terse where a case asks for no facts."""
    cases: dict[str, Expect] = Field(default_factory=dict)
    """By case id, what the answer to its first turn must hold; goes before the prompt's own `expect`."""

    @cached_property
    def refuses(self) -> "Searcher":
        """Find a refusal."""
        return Searcher(self.refusals)

    @cached_property
    def admits(self) -> "Searcher":
        """Find an admission."""
        return Searcher(self.admissions)

    @cached_property
    def leads_on(self) -> "Searcher":
        """Find a way on."""
        return Searcher(self.ways_on)

    @cached_property
    def says_nothing(self) -> "Searcher":
        """Find an answer without content."""
        return Searcher(self.empties)


class Searcher:
    """Several patterns as one."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._patterns = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]

    def __call__(self, text: str) -> str:
        """Give the first words that match, "" where none do."""
        found = (match for pattern in self._patterns if (match := pattern.search(text)))
        return next((match[0] for match in found), "")


@cache
def default() -> Rubric:
    """Give the rubric that ships."""
    return load(DEFAULT)


def load(path: str | Path) -> Rubric:
    """Read a rubric file. Raises ScenarioError with every problem as `file:line:col: …`."""
    return read(str(path), Rubric, check_env=False)
