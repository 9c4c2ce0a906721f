"""Prompts: the cases that users bring, and what a right answer to them is."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from scenarios.expect import Expect
from scenarios.quantities import Count
from scenarios.strict import AlsoWritten, Contradiction, Strict


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("this turn is empty: write what the user says")
    return text


def _some(turns: tuple[str, ...]) -> tuple[str, ...]:
    if not turns:
        raise ValueError("nothing is said: write at least one turn")
    return turns


def _text_or_turns(schema: dict[str, Any]) -> None:
    schema["properties"]["text"] = {"type": "string", "description": "What the user says, in a single turn."}
    schema["required"] = ["id"]
    schema["oneOf"] = [{"required": ["turns"]}, {"required": ["text"]}]


def _per_turn(value: object) -> object:
    return value if value is None or isinstance(value, list | tuple) else [value]


class Prompt(Strict):
    """One case: what a user says turn by turn, and how long the answers are expected to be."""

    model_config = ConfigDict(json_schema_extra=_text_or_turns)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", max_length=100)]
    """Unique name of the case."""
    kind: str = ""
    """What sort of work this is, such as support."""
    turns: Annotated[tuple[Annotated[str, AfterValidator(_said)], ...], AfterValidator(_some)]
    """What the user says, turn by turn; `text` stands for a single turn."""
    expected_output_tokens: Count | None = None
    """How long an answer usually is."""
    expect: Annotated[tuple[Expect | None, ...], BeforeValidator(_per_turn), AlsoWritten({"type": "object"})] = ()
    """What a right answer is, turn by turn; null = this turn is not graded. One alone is the first turn's."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield a prompt that says both `text` and `turns`, and one that expects more answers than it has turns."""
        if "text" in data and "turns" in data:
            yield "text", "text and turns exclude each other: keep one"
        turns, expected = data.get("turns", [data.get("text")]), data.get("expect")
        if isinstance(turns, list | tuple) and isinstance(expected, list | tuple) and len(expected) > len(turns):
            yield "expect", f"{len(expected)} answers are expected of {len(turns)} turns: write one each, or null"

    @cached_property
    def graded(self) -> frozenset[int]:
        """Give the turns, from 0, whose answers are graded."""
        return frozenset(number for number, expected in enumerate(self.expect) if expected is not None)

    def expected_of(self, turn_no: int) -> Expect | None:
        """Give what is expected of the answer to turn 1, 2, …; None = it is not graded."""
        return self.expect[turn_no - 1] if turn_no <= len(self.expect) else None

    @model_validator(mode="before")
    @classmethod
    def _text_is_one_turn(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "text" not in data:
            return data
        rest = {key: value for key, value in data.items() if key != "text"}
        return {"turns": [data["text"]], **rest}


def expectations(prompts: Iterable[Prompt]) -> dict[str, Expect]:
    """Give what is expected of an answer, by the user's words before it."""
    return {
        said: expect
        for prompt in prompts
        for said, expect in zip(prompt.turns, prompt.expect, strict=False)
        if expect is not None
    }


DEFAULT_PROMPTS = tuple(
    Prompt(id=f"default-{number:03d}", kind="default", turns=turns, expected_output_tokens=120)
    for number, turns in enumerate(
        (
            ("How do I choose a bicycle for a daily commute of ten kilometres?", "Which of those needs least care?"),
            ("Explain in plain words what a database index is.", "When does an index make things slower?"),
            ("Write a short, friendly note to a customer whose parcel is late.", "Make it two sentences."),
            ("Name five things to check before renting a flat.", "Which one do people forget most often?"),
            ("Summarise the difference between a virus and a bacterium.", "Which of them do antibiotics help with?"),
            ("My laptop is slow since the last update. What should I try first?", "And if that does not help?"),
            ("Plan a simple dinner for four with rice, tomatoes and eggs.", "How long does that take in all?"),
            ("What does a load test tell me that a single request cannot?", "How long should such a test run?"),
        ),
        start=1,
    )
)
"""What is said when a scenario names no prompts."""
