"""Whether the instrument was good enough."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from locustfiles._validity import CPU_LIMIT, LOOP_LAG_P99_LIMIT_S, judge


@dataclass
class Facts:
    """What a worker says of itself."""

    worker: str = "w0"
    cpu_max: float | None = 0.3
    loop_lag_p99_s: float | None = 0.001
    rows_lost: int = 0
    absences: list[dict[str, Any]] = field(default_factory=list)
    phases: list[dict[str, Any]] = field(default_factory=list)


def phase(name: str, merged: int) -> dict[str, Any]:
    """Give what a worker says of a phase."""
    return {"endpoint": "small", "arm": "", "phase": name, "chunks": 1000, "merged": merged, "loop_lag_p99_s": None}


def test_healthy() -> None:
    """Nothing to complain of."""
    idle = {**phase("steady", 0), "chunks": 0}
    few = Facts(phases=[phase("warm_up", 900), phase("steady", 50), idle])
    assert judge([few, Facts("w1", None, None)]) == {"verdict": "valid", "reasons": []}


def test_rows_of_a_worker_that_was_lost_are_not_named_twice() -> None:
    """Its absence says that they are missing; one that came back has lost them on the way."""
    gone, back = ([{"why": "lost", "from_s": 5.0, "to_s": to_s}] for to_s in (None, 9.0))
    verdicts = [judge([Facts(rows_lost=3, absences=absences)])["verdict"] for absences in (gone, back)]
    assert verdicts == ["valid", "invalid"]


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        (Facts(cpu_max=CPU_LIMIT + 0.01), "bottleneck"),
        (Facts(loop_lag_p99_s=LOOP_LAG_P99_LIMIT_S + 0.001), "late"),
        (Facts(rows_lost=1), "lost 1 rows"),
        (Facts(phases=[phase("steady", 51)]), "5% of the chunks"),
        (Facts(phases=[phase("steady", 0) | {"loop_lag_p99_s": 0.2}], loop_lag_p99_s=0.2), "under small was late"),
    ],
)
def test_each_threshold(facts: Facts, word: str) -> None:
    """One worker beyond one threshold spoils the run, and is named."""
    verdict = judge([Facts("w1"), facts])
    reasons = verdict["reasons"]
    assert isinstance(reasons, list)
    assert (verdict["verdict"], len(reasons), "w0" in reasons[0], word in reasons[0]) == ("invalid", 1, True, True)


def test_at_the_threshold_is_valid() -> None:
    """A limit that is met is not exceeded."""
    assert judge([Facts(cpu_max=CPU_LIMIT, loop_lag_p99_s=LOOP_LAG_P99_LIMIT_S)])["verdict"] == "valid"
