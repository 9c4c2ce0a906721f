"""What a server told of its own time, beside what was seen, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.model import Estimate
from analysis.words.wording import bounds, number, target

if TYPE_CHECKING:
    from analysis.model import Figure, ServerTime

WORDS = {
    "total_ms": "whole answer",
    "headers_ms": "until the headers",
    "ttft_ms": "until the first token",
    "queue_ms": "in its queue",
    "load_ms": "loading the model",
    "prefill_ms": "reading the prompt",
    "decode_ms": "writing the answer",
}
"""What a server tells of."""

STRETCHES = {
    "total_ms": "a whole answer took",
    "ttft_ms": "the first token took",
    "headers_ms": "the headers of an answer took",
}
"""In the order in which they are told of."""

LARGE_SHARE, LARGE_MS = 0.25, 20.0
"""So much of what was seen, and no less than so much, is worth a word on where it may have been spent."""


def sentence(one: ServerTime) -> str:
    """Say how long the server says it took, how long it was seen to take, and what that means."""
    name = f"{target(one.endpoint, one.arm)}, by its own clock ({one.source})"
    for stretch, words in STRETCHES.items():
        for quantile in ("p95", "p50"):
            server, seen, beyond = (each.get(stretch, {}).get(quantile) for each in (one.server, one.seen, one.beyond))
            if isinstance(server, Estimate) and isinstance(seen, Estimate) and beyond is not None:
                told, here = number(server.value, "ms"), number(seen.value, "ms")
                return (
                    f"{name}: {words} {told} ms at {quantile}, and {here} ms as seen here; what lies between is "
                    f"{_between(beyond)} at {quantile}.{_where(one, beyond, seen)}{_more(one)}"
                )
    if not one.seen:
        return f"{name}: told of {one.told:,} of {one.turns:,} answered turns, but nothing that is seen from here."
    return f"{name}: told of {one.told:,} of {one.turns:,} answered turns, too few for a figure.{_more(one)}"


def _between(found: Figure) -> str:
    if not isinstance(found, Estimate):
        return "not estimable"
    return f"{number(found.value, 'ms')} ms{bounds(found, 'ms')} (n {found.n:,})"


def _where(one: ServerTime, beyond: Figure, seen: Estimate) -> str:
    if not isinstance(beyond, Estimate) or beyond.value < max(LARGE_SHARE * seen.value, LARGE_MS):
        return ""
    places = "on the network or at a proxy" if "queue_ms" in one.server else "on the network, at a proxy, or in a queue"
    leaves_out = "" if "queue_ms" in one.server else " that its clock leaves out"
    return f" That time passed before or behind the server: {places}{leaves_out}."


def _more(one: ServerTime) -> str:
    if not one.claims_more:
        return ""
    return (
        f" In {one.claims_more:,} of {one.told:,} turns it tells of more time than was seen: its clock counts other "
        "work too, or begins earlier."
    )
