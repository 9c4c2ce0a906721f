"""What a right answer is: facts it must assert, facts it must not, what it may draw on, and what policy asks of it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, SerializerFunctionWrapHandler, model_serializer

from scenarios.fact import AnyFact
from scenarios.quantities import Count
from scenarios.strict import AlsoWritten, Contradiction, Strict

Policy = Literal["answer", "refuse", "fallback"]


def _several(value: object) -> object:
    return [value] if isinstance(value, str | int | float | dict) else value


Facts = Annotated[tuple[AnyFact, ...], BeforeValidator(_several), AlsoWritten({"type": ["string", "number", "object"]})]


class Expect(Strict):
    """What is expected of the answer to one thing that a user says."""

    other_names: ClassVar[Mapping[str, str]] = {
        "required": "facts",
        "must_include": "facts",
        "answer": "facts",
        "forbidden": "never",
        "must_not_include": "never",
        "grounding": "context",
    }

    facts: Facts = ()
    """What the answer must assert, each of them: a text, a list of which any will do, a number, or a fact in full."""
    never: Facts = ()
    """What it must not assert: known falsehoods, whose assertion is a hallucination."""
    context: str | None = None
    """What the answer may draw on beside the user's words: each figure, code and link of it must stand there."""
    policy: Policy = "answer"
    """Whether to answer, to refuse, or to say that the answer is not known and offer a way on."""
    min_words: Count | None = None
    """An answer of fewer words is terse, even with all its facts."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield an expectation that every answer meets, and facts asked of an answer that must not be given."""
        if data.get("policy") in {"refuse", "fallback"} and data.get("facts"):
            yield "facts", f"policy: {data['policy']} asks for no facts: remove them, or the policy"
        if not any(data.get(key) is not None for key in cls.model_fields):
            yield "", "nothing is expected: write facts, never, context, policy or min_words"

    @model_serializer(mode="wrap")
    def _only_what_is_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key in self.model_fields_set}
