"""The shape of `matrix.json`: every candidate by what decides between them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from analysis.figure import Figure, Frozen

SELECTION_SCHEMA_VERSION = 1


class LimitKept(Frozen):
    """One hard limit held against a candidate."""

    line: str
    verdict: Literal["pass", "fail", "inconclusive"]
    sentence: str


class Candidate(Frozen):
    """One endpoint and arm of one run.

    `figures`: by what they are about, such as `p95(ttft_ms)`. `on_front`: the chance that no other candidate dominates
    it. `best`: the chance of the best score among those that break no limit. `eligible`: it breaks none and is valid.
    """

    name: str
    run: str
    endpoint: str
    arm: str
    valid: bool
    turns: int
    figures: dict[str, Figure]
    limits: list[LimitKept]
    eligible: bool
    on_front: float | None = None
    best: float | None = None


class Dominance(Frozen):
    """`winner` is no worse than `loser` by any criterion, and better by one at least, with this confidence."""

    winner: str
    loser: str
    confidence: float


class Advice(Frozen):
    """What to take for one kind of traffic ("" = all of it), and why; no candidate where none may be taken."""

    kind: str
    candidate: str | None
    confidence: float | None
    sentence: str


class Matrix(Frozen):
    """Every candidate by what decides between them."""

    schema_version: int = SELECTION_SCHEMA_VERSION
    columns: list[str]
    criteria: list[str]
    objective: str
    candidates: list[Candidate]
    dominances: list[Dominance]
    indistinguishable: list[tuple[str, str]]
    advice: list[Advice]
    notes: list[str] = Field(default_factory=list)
