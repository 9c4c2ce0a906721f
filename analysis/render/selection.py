"""A selection as its page and a report's section show it: the picture, the candidates, who dominates whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.render.scatter import scatter, unit, words
from analysis.render.summary import cell
from analysis.words import figures
from analysis.words.plaintext import clean

if TYPE_CHECKING:
    from analysis.selecting.selection import Matrix


def selection(matrix: Matrix) -> dict[str, object]:
    """Give what the template shows."""
    return {
        "advice": [clean(one.sentence) for one in matrix.advice],
        "taken": any(one.candidate for one in matrix.advice),
        "objective": clean(matrix.objective),
        "chart": scatter(matrix),
        "heads": [words(name) for name in matrix.columns],
        "rows": [
            {
                "name": clean(one.name),
                "cells": [cell(one.figures[name], unit(name)) for name in matrix.columns],
                "turns": f"{one.turns:,}",
                "front": percent(one.on_front),
                "best": percent(one.best),
                "invalid": not one.valid,
                "limits": [{"line": clean(line.line), "verdict": line.verdict} for line in one.limits],
            }
            for one in matrix.candidates
        ],
        "relations": relations(matrix),
        "notes": [clean(note) for note in matrix.notes],
    }


def relations(matrix: Matrix) -> list[str]:
    """Say who dominates whom and how sure that is, and who cannot be told apart."""
    found = [
        f"{clean(one.winner)} dominates {clean(one.loser)}, {percent(one.confidence)} sure" for one in matrix.dominances
    ]
    found += [f"{clean(a)} and {clean(b)} cannot be told apart by any criterion" for a, b in matrix.indistinguishable]
    if len(matrix.candidates) == 1:
        return ["there is one candidate, so there is nobody to dominate it"]
    return found or ["nobody surely dominates another: each is better by one criterion or not surely worse"]


def percent(chance: float | None) -> str:
    """Write a chance: `97.3%`; an unknown one is a dash."""
    if chance is None:
        return figures.MISSING
    return ">99.9%" if chance > 0.999 else f"{100 * chance:.1f}%"
