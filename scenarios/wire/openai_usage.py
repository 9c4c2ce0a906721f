"""Token counts of the OpenAI shape and its dialects, in one meaning.

The cached tokens are a subset of the prompt's; the reasoning tokens are inside the completion's. xAI counts reasoning
beside the completion: seen from the total, or from more reasoning than completion; there the two are added.
"""

from __future__ import annotations

from typing import Any

from scenarios.wire.protocol import Usage


def usage_of(answer: dict[str, Any]) -> Usage | None:
    """Give the usage that a chunk or a whole answer states, or None. Groq streams it as `x_groq.usage`."""
    stated = answer.get("usage") or _object(answer.get("x_groq")).get("usage")
    return normalised(stated) if isinstance(stated, dict) else None


def normalised(stated: dict[str, Any]) -> Usage | None:
    """Give `stated` in one meaning; None if it holds no count. A subset larger than its whole is not believed."""
    get = stated.get
    prompt, completion = _count(get("prompt_tokens")), _count(get("completion_tokens"))
    if prompt is None and completion is None:
        return None
    prompt_details = _object(get("prompt_tokens_details"))
    reasoning = _count(_object(get("completion_tokens_details")).get("reasoning_tokens"))
    cached = _first(prompt_details.get("cached_tokens"), get("cached_tokens"), get("prompt_cache_hit_tokens"))
    written = _first(prompt_details.get("cache_write_tokens"), get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=prompt,
        cached_input_tokens=_subset(cached, prompt),
        cache_write_tokens=_subset(written, prompt),
        output_tokens=_with_reasoning(prompt, completion, reasoning, get("total_tokens")),
        reasoning_tokens=reasoning,
    )


def _with_reasoning(prompt: int | None, completion: int | None, reasoning: int | None, total: object) -> int | None:
    if completion is None or not reasoning:
        return completion
    apart = reasoning > completion or (prompt is not None and _count(total) == prompt + completion + reasoning)
    return completion + reasoning if apart else completion


def _subset(part: int | None, whole: int | None) -> int | None:
    return None if part is None or whole is None or part > whole else part


def _first(*values: object) -> int | None:
    for value in values:
        if (count := _count(value)) is not None:
            return count
    return None


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
