"""What a process with users says of itself at the end of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locustfiles._campaign import Campaign


@dataclass(slots=True)
class WorkerReport:
    """One worker's part of `run.json`, and what goes into files of its own (`gaps`, `answers`).

    `clock_offset_s` is by how much its clock moved against the master's during the run, `clock_error_s` the most by
    which its rows can be misplaced, `wall_clock_offset_s` its wall clock minus the master's, on which nothing depends.
    `absences` are stretches in which the master did not hear it, `pauses` those in which it did not hear the master.
    """

    worker: str
    host: str = ""
    clock_offset_s: float | None = None
    clock_error_s: float | None = None
    wall_clock_offset_s: float | None = None
    rows: int = 0
    rows_lost: int | None = 0
    """None: nobody knows, for it was lost with them."""
    disk_problem: str = ""
    absences: list[dict[str, Any]] = field(default_factory=list)
    pauses: list[tuple[float, float]] = field(default_factory=list)
    client_lag_p99_s: float | None = None
    loop_lag_p99_s: float | None = None
    loop_lag_max_s: float | None = None
    schedule_lag_p99_s: float | None = None
    connect_p99_s: float | None = None
    cpu_max: float | None = None
    machine_cpu_max: float | None = None
    chunks: int = 0
    coalesced: int = 0
    merged: int = 0
    phases: list[dict[str, Any]] = field(default_factory=list)
    gaps: list[list[str]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)


def report_of(campaign: Campaign) -> WorkerReport:
    """Sum up a campaign that has been closed."""
    recorder = campaign.recorder
    return WorkerReport(
        worker=campaign.worker,
        clock_offset_s=0.0,
        rows=recorder.rows - recorder.rows_lost,
        rows_lost=recorder.rows_lost,
        disk_problem=recorder.disk_problem,
        gaps=campaign.gaps.rows(),
        answers=campaign.answers.documents(),
        **campaign.health.reading(),
    )
