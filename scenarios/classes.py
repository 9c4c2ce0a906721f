"""What turns are told apart by: the kind of their case, and the length of their answer."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from scenarios.prompts import Prompt

LENGTHS = (0, 32, 128, 512, 2048)
"""Output tokens at which a length class begins."""

LENGTH_CLASSES = (*(f"{low}-{high - 1}" for low, high in pairwise(LENGTHS)), f"{LENGTHS[-1]}+")


def length_class(output_tokens: int | None) -> str:
    """Give the class of an answer, such as `32-127`; "" where its output tokens are unknown."""
    return "" if output_tokens is None else LENGTH_CLASSES[bisect_right(LENGTHS, output_tokens) - 1]


def cases_of(prompts: Iterable[Prompt]) -> dict[str, dict[str, Any]]:
    """Give the cases as run.json holds them, by id."""
    return {
        prompt.id: {"kind": prompt.kind, "expected_output_tokens": prompt.expected_output_tokens} for prompt in prompts
    }


def kinds_of(cases: object) -> dict[str, str]:
    """Give the kind of each case of run.json that has one."""
    known = cases if isinstance(cases, Mapping) else {}
    found = {case: entry.get("kind") for case, entry in known.items() if isinstance(entry, Mapping)}
    return {case: str(kind) for case, kind in found.items() if kind is not None}
