"""Quality: how answers are graded, for cases that say what a right answer is."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from scenarios.quantities import Count
from scenarios.rubric import Rubric, default
from scenarios.strict import AlsoWritten, Strict

ALIKE = 0.1
"""Least correlation assumed between answers to the same case: no number of repeats counts for more than 10 cases."""


class Quality(Strict):
    """The rubric, and how many answers are kept for it."""

    other_names: ClassVar[Mapping[str, str]] = {"rubrics": "rubric", "sample": "keep", "limit": "keep"}

    rubric: Annotated[Rubric, AlsoWritten({"type": "string"})] = Field(default_factory=default)
    """A YAML file, or what it would hold; left out = the one that ships, rubrics/chat.yaml."""
    keep: Count = 2000
    """Answers to graded cases that each worker keeps for each endpoint and arm; of more, a sample drawn by seed."""
