"""The shape of `dashboard.json`: each headline of each endpoint over all runs of a scenario."""

from __future__ import annotations

from pydantic import Field

from analysis.model import Figure, Frozen, Verdict

DASHBOARD_SCHEMA_VERSION = 1


class Stop(Frozen):
    """One run, in the order of start; `release` says what differs from the run before ("" = nothing that is known)."""

    run_id: str
    name: str
    folder: str
    started_at: str
    verdict: Verdict
    headline: str
    has_page: bool
    release: str = ""


class Change(Frozen):
    """A new level, from the run at `at` (a position among the trend's points) on."""

    at: int
    run: str
    before: float
    after: float
    sentence: str


class Trend(Frozen):
    """One figure of one endpoint and arm over the runs of one scenario; `figures[i]` is of `runs[i]`, a folder."""

    name: str
    endpoint: str
    subject: str
    runs: list[str]
    figures: list[Figure]
    changes: list[Change] = Field(default_factory=list)


class Dashboard(Frozen):
    """All runs of a results folder."""

    schema_version: int = DASHBOARD_SCHEMA_VERSION
    runs: list[Stop]
    trends: list[Trend]
    notes: list[str] = Field(default_factory=list)
