"""Steady figures without the time in which a worker was lost: its users were missing, or new in their places."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.measures.windows import Window, joined
from analysis.words.wording import span, target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from analysis.measures.part import Part

LEAST_LEFT = 0.5
"""Share of a steady phase that must be left: below it, nothing is left out."""


def windows(meta: Mapping[str, Any]) -> list[Window]:
    """Give the disturbed stretches that run.json names, in order and without overlap."""
    return joined(_named(meta))


def _named(meta: Mapping[str, Any]) -> Iterator[Window]:
    listed = meta.get("disturbed")
    for entry in listed if isinstance(listed, list) else []:
        try:
            start_s, end_s = float(entry["start_s"]), float(entry["end_s"])
        except (KeyError, TypeError, ValueError):
            continue
        if -np.inf < start_s < end_s < np.inf:
            yield start_s, end_s


def undisturbed(part: Part, disturbed: Sequence[Window]) -> Part:
    """Leave out the turns intended in disturbed time; the part as it is where less than half would be left.

    Each window opens earlier by the longest turn that ended before it: of the turns that were under way when a worker
    was lost the long ones are missing, and what began earlier is complete.
    """
    start, finish = (part.turns[name].to_numpy(dtype=np.float64) for name in ("intended_s", "finish_s"))
    touching = [(from_s, to_s) for from_s, to_s in disturbed if _meets(part, from_s, to_s)]
    opened = joined((from_s - _longest_s(start, finish, from_s), to_s) for from_s, to_s in touching)
    cut = [(max(from_s, part.start_s), min(to_s, part.end_s)) for from_s, to_s in opened]
    without = replace(part, left_out=tuple(cut))
    if not cut or without.span_s < LEAST_LEFT * part.span_s:
        return part
    keep = ~_within(start, cut)
    sent = part.attempts["sent_s"].to_numpy(dtype=np.float64)
    return replace(
        without,
        turns=part.turns[keep].reset_index(drop=True),
        attempts=part.attempts[~_within(sent, cut)].reset_index(drop=True),
        left_out_turns=int(np.count_nonzero(~keep)),
    )


def _meets(part: Part, from_s: float, to_s: float) -> bool:
    return from_s < part.end_s and to_s > part.start_s


def _longest_s(start: NDArray[np.float64], finish: NDArray[np.float64], by_s: float) -> float:
    done = finish <= by_s
    return float((finish[done] - start[done]).max(initial=0.0))


def _within(at_s: NDArray[np.float64], stretches: Sequence[Window]) -> NDArray[np.bool_]:
    inside = np.zeros(len(at_s), dtype=bool)
    for from_s, to_s in stretches:
        inside |= (at_s >= from_s) & (at_s < to_s)
    return inside


def told(found: Iterable[Part], meta: Mapping[str, Any]) -> list[str]:
    """Say which workers were lost, and what the steady figures leave out for it."""
    listed = meta.get("disturbed")
    losses = [entry.get("told") for entry in (listed if isinstance(listed, list) else []) if isinstance(entry, dict)]
    return [*(loss for loss in losses if isinstance(loss, str)), *(note for part in found for note in _left_out(part))]


def _left_out(part: Part) -> Iterator[str]:
    if part.left_out:
        when = ", ".join(f"{from_s:.1f} to {to_s:.1f} s" for from_s, to_s in part.left_out)
        yield (
            f"the steady figures of {target(part.endpoint, part.arm)} leave out {span(part.left_out_s)} disturbed by "
            f"the loss of a worker ({when}) and the {part.left_out_turns:,} turns of that time"
        )


def too_little_left(found: Sequence[Part], meta: Mapping[str, Any]) -> Iterator[str]:
    """Name the steady phases that could not do without their disturbed time, where the run is to be judged by the rest.

    Where it is not (`on_worker_loss: continue`), the load run has called itself invalid.
    """
    stated = meta.get("validity")
    if isinstance(stated, dict) and stated.get("verdict") == "invalid":
        return
    disturbed = windows(meta)
    for part in found:
        touched = any(_meets(part, from_s, to_s) for from_s, to_s in disturbed)
        if part.phase == "steady" and touched and not part.left_out:
            yield (
                f"the loss of a worker disturbed more than {1 - LEAST_LEFT:.0%} of the steady phase of "
                f"{target(part.endpoint, part.arm)}: too little is left to judge by"
            )
