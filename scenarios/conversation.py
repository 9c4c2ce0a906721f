"""What users say: prompts, turns, lengths, and the deadlines of an attempt."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator
from pydantic import Strict as Exact

from scenarios.prompts import DEFAULT_PROMPTS, Prompt
from scenarios.quantities import Count, PositiveDuration
from scenarios.strict import AlsoWritten, Contradiction, Strict


class Turns(Strict):
    """How many turns a conversation has: uniform over min..max."""

    min: Count = 1
    """Fewest turns."""
    max: Count = 1
    """Most turns."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield a maximum below the minimum."""
        least, most = data.get("min"), data.get("max")
        if isinstance(least, int) and isinstance(most, int) and most < least:
            yield "max", f"max ({most}) cannot be below min ({least})"


class Timeouts(Strict):
    """Deadlines of one attempt."""

    other_names: ClassVar[Mapping[str, str]] = {"read": "idle", "ttft": "first_byte"}

    connect: PositiveDuration = 10.0
    """To a connection, TLS included."""
    first_byte: PositiveDuration = 120.0
    """From the request sent to the first byte of the answer."""
    idle: PositiveDuration = 60.0
    """Between two pieces of an answer."""
    total: PositiveDuration = 300.0
    """From the request sent to the answer's end."""


def _turns(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"min": value, "max": value}
    if isinstance(value, dict) and len(value) == 1 and value.keys() <= {"min", "max"}:
        return {"min": value.get("min", 1), "max": value.get("max", value.get("min"))}
    return value


def _prompts(value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    return [_prompt(number, item) for number, item in enumerate(value, start=1)]


def _prompt(number: int, item: object) -> object:
    return item if isinstance(item, dict | Prompt) else {"id": f"prompt-{number:03d}", "turns": [item]}


def _distinct(prompts: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
    double = next((name for name, times in Counter(prompt.id for prompt in prompts).items() if times > 1), None)
    if double is not None:
        raise ValueError(f"id {double} stands twice: give each prompt its own")
    if not prompts:
        raise ValueError("nothing is said: write at least one prompt, or remove the key")
    return prompts


class Conversation(Strict):
    """What users say: a JSON-lines file of prompts or a list, turns per conversation, length asked for, streaming."""

    other_names: ClassVar[Mapping[str, str]] = {
        "max_tokens": "max_output_tokens",
        "messages": "prompts",
        "streaming": "stream",
        "timeout": "timeouts",
    }

    prompts: Annotated[
        tuple[Prompt, ...],
        BeforeValidator(_prompts),
        AfterValidator(_distinct),
        AlsoWritten({"type": "string"}, items={"type": "string"}),
    ] = DEFAULT_PROMPTS
    """A JSON-lines file of prompts, or a list of what users say first."""
    turns: Annotated[Turns, BeforeValidator(_turns), AlsoWritten({"type": "integer", "minimum": 1})] = Turns()
    """Turns per conversation: a number, or {min, max}."""
    max_output_tokens: Count = 256
    """Longest answer asked for."""
    stream: Annotated[bool, Exact()] = True
    """Ask for the answer piece by piece."""
    timeouts: Timeouts = Timeouts()
    """Deadlines of one attempt."""
