"""The selection matrix: every endpoint and arm of several runs is a candidate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.comparing.side import Known, label
from analysis.selecting.choice import Row, choose, shared_kinds
from analysis.selecting.selection import Matrix
from scenarios.errors import TailgateError


def matrix(runs: Sequence[Known]) -> Matrix:
    """Put every endpoint and arm of the runs into one matrix. Raises TailgateError when there is none.

    Limits and weights are those of the last run's scenario.
    """
    rows = list(_rows(runs))
    if not rows:
        raise TailgateError("no run has a steady phase: there is no candidate")
    found = choose(rows, runs[-1].scenario, shared_kinds(rows))
    return found.model_copy(update={"notes": [*_invalid(runs), *found.notes]})


def _rows(runs: Sequence[Known]) -> Iterator[Row]:
    named = [label(key) for run in runs for key in run.entries]
    for run in runs:
        for key, entry in run.entries.items():
            name = label(key)
            unique = name if named.count(name) == 1 else f"{name} ({run.folder.name})"
            yield Row(unique, run.folder.name, run.report.validity.verdict == "valid", entry)


def _invalid(runs: Sequence[Known]) -> Iterator[str]:
    for run in runs:
        for reason in run.report.validity.reasons:
            yield f"{run.folder.name} is invalid and takes no part in the choice: {reason}"
