"""Entries of an imported run: the figures that Locust's CSV files allow, for comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from analysis.entry import Entry
from analysis.foreign.imported import METRIC, measure
from analysis.measures.part import Part
from analysis.model import Figure, Group, NotEstimable, Report
from analysis.rows.attempts import empty_attempts
from analysis.rows.turns import turns
from analysis.stats.quantiles import name_of
from scenarios.slo import Slo

NOT_KEPT = NotEstimable(not_estimable="not in Locust's CSV files")


@dataclass(frozen=True)
class ImportedEntry(Entry):
    """An entry without turns, whose figures are those of `group`."""

    group: Group | None = None

    @cached_property
    def costs(self) -> Mapping[str, Figure]:
        """None: there are no tokens."""
        return {}

    @cached_property
    def qualities(self) -> Mapping[str, Figure]:
        """None: there are no answers."""
        return {}

    def of_kind(self, kind: str) -> Entry:  # noqa: ARG002 - kinds are not known
        """Give the entry itself."""
        return self

    def figure(self, slo: Slo) -> Figure:
        """Give what a line is about."""
        return NOT_KEPT if self.group is None or slo.kind else measure(slo, self.group)

    def quantile(self, metric: str, p: float) -> Figure:
        """Give a percentile of the only latency there is."""
        if self.group is None or metric != METRIC:
            return NOT_KEPT
        return self.group.metrics[METRIC].get(name_of(p), NOT_KEPT)

    def variance(self, column: str) -> Figure:  # noqa: ARG002 - no value of a single request is known
        """Give none."""
        return NOT_KEPT

    def share(self, name: str) -> Figure:
        """Give the share of requests that failed; no other is known."""
        return self.lost if name == "failed" else NOT_KEPT

    def rate(self, name: str) -> Figure:  # noqa: ARG002 - Locust's has no interval
        """Give none."""
        return NOT_KEPT

    @cached_property
    def lost(self) -> Figure:
        """Share of all requests that failed."""
        return NOT_KEPT if self.group is None else self.group.shares["failed"]

    @cached_property
    def output_tokens(self) -> Figure:
        """None: there are no tokens."""
        return NOT_KEPT


def entries(report: Report) -> dict[tuple[str, str], Entry]:
    """Give an entry for each endpoint of the report of an imported run."""
    attempts = empty_attempts()
    none = turns(attempts)
    return {
        (group.endpoint, ""): ImportedEntry(
            Part(group.endpoint, "", "steady", group.start_s, group.end_s, none, attempts, 0), None, None, group=group
        )
        for group in report.groups
    }
