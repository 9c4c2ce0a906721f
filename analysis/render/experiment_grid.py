"""The experiment as tables: the arms side by side, and each contrast with its ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.render import summary
from analysis.render.grid import Grid, fitted
from analysis.words import figures
from analysis.words.plaintext import clean

if TYPE_CHECKING:
    from analysis.model import Contrast, Experiment, Figure, Report
    from analysis.render.summary import Cell
    from analysis.words.figures import Unit

LABELS = {
    "response_time_p95_ms": "Response time p95",
    "service_time_p95_ms": "Service time p95",
    "service_time_p99_ms": "Service time p99",
    "throttling_variance_share": "Response-time variance that throttling caused",
    "throttled_share": "Throttled turns",
    "failed_share": "Unsuccessful turns",
    "attempts_per_success": "Attempts per success",
    "refusals_per_turn": "Refusals (429) per turn",
    "first_try_share": "Answered or lost at the first try",
    "peak_arrivals_per_second": "Peak arrivals in a second",
    "cost_per_1k_responses_usd": "Cost per 1,000 responses",
    "wasted_per_1k_responses_usd": "of it wasted",
    "cost_variance": "Variance of cost per response",
    "cost_between_blocks_variance": "Variance of cost between blocks",
    "service_time_p95_between_blocks_variance_ms2": "Variance of service time p95 between blocks",
    "service_time_p99_between_blocks_variance_ms2": "Variance of service time p99 between blocks",
    "cost_variance_ratio": "Variance of cost per response",
    "cost_between_blocks_variance_ratio": "Variance of cost between blocks",
    "service_time_p95_between_blocks_variance_ratio": "Variance of service time p95 between blocks",
    "service_time_p99_between_blocks_variance_ratio": "Variance of service time p99 between blocks",
    "response_time_p95_ratio": "Response time p95",
    "service_time_p95_ratio": "Service time p95",
    "response_time_p50_ratio": "Response time p50",
    "service_time_p50_ratio": "Service time p50",
}
"""What the figures are called; variances are of the cost in USD per 1,000 responses."""

UNITS: dict[str, Unit] = {"peak_arrivals_per_second": "", "throttling_variance_share": "share"}


def sentences(report: Report) -> list[str]:
    """Give what each contrast says."""
    return [clean(contrast.sentence) for contrast in report.experiment.contrasts] if report.experiment else []


def grids(experiment: Experiment) -> list[Grid]:
    """Give the arms side by side, then the contrasts of one kind together."""
    found = [_arms(experiment)]
    for name, caption in (
        ("cost_variance_ratio", "Times the variance of the base, with 95% interval"),
        ("response_time_p95_ratio", "Times the same model without a limit, with 95% interval"),
    ):
        some = [contrast for contrast in experiment.contrasts if name in contrast.figures]
        found += [_contrasts(some, caption)] if some else []
    return found


def _arms(experiment: Experiment) -> Grid:
    names = dict.fromkeys(name for arm in experiment.arms for name in arm.figures)
    heads = ("Figure", *(clean(f"{arm.endpoint} · {arm.arm}") for arm in experiment.arms))
    policies = tuple(summary.Cell(clean(arm.policy)) for arm in experiment.arms)
    rows = tuple(
        (LABELS.get(name, figures.label(name)), tuple(_cell(name, arm.figures.get(name)) for arm in experiment.arms))
        for name in names
    )
    return fitted(Grid("Each arm, steady phase, with 95% interval", heads, (("Policy", policies), *rows)))


def _contrasts(contrasts: list[Contrast], caption: str) -> Grid:
    names = list(contrasts[0].figures)
    rows = tuple(
        (clean(f"{each.candidate} / {each.base}"), tuple(_cell(name, each.figures.get(name)) for name in names))
        for each in contrasts
    )
    return Grid(caption, ("Arm / base", *(LABELS.get(name, figures.label(name)) for name in names)), rows)


def _cell(name: str, figure: Figure | None) -> Cell:
    unit = UNITS.get(name) if name in UNITS else "" if name.endswith("_ratio") else figures.unit_of(name)
    return summary.cell(figure, unit or "")
