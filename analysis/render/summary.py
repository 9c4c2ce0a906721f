"""A report as the rows that every renderer shows: SLO lines worst first, and endpoints side by side."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from analysis.figure import INFINITE
from analysis.model import Estimate, Figure, Group, NotEstimable, Report, SloLine
from analysis.words import figures
from analysis.words.figures import Unit
from analysis.words.plaintext import clean
from analysis.words.wording import target

UNJUDGED = "unjudged"
"""What a page calls a run that passes for want of any limit: nobody should read it as a pass."""

WORDS: dict[str, str] = {
    "pass": "PASS",
    "fail": "FAIL",
    "inconclusive": "INCONCLUSIVE",
    "invalid": "INVALID",
    UNJUDGED: "NO LIMIT SET",
}
SYMBOLS: dict[str, str] = {"pass": "✓", "fail": "✕", "inconclusive": "?", UNJUDGED: "·", "invalid": "⊘"}
MEANINGS: dict[str, str] = {
    "pass": "Every line holds, with its whole interval on the right side of the limit.",
    "fail": "At least one line is breached, with its whole interval beyond the limit.",
    "inconclusive": "No line is shown to be breached, and at least one could not be decided. This is not a pass.",
    UNJUDGED: "The scenario has no limit, so nothing was judged.",
    "invalid": "The instrument may have set these figures, or they are not complete. They decide nothing.",
}

OVERLAPPING = frozenset({"throttled", "failed"})
"""Shares that are no outcome: all turns that a limit refused or held back, and all that were not successful."""

VOID = "The run is invalid, so none of these verdicts stands."
ORDER = {"fail": 0, "inconclusive": 1, "pass": 2}
_QUANTILE_OF = re.compile(r"\s*(p\d+(?:[._]\d+)?|mean)\s*\(\s*([a-z0-9_]+)\s*\)")
_NAME = re.compile(r"\s*([a-z0-9_]+)")


@dataclass(frozen=True, slots=True)
class SloRow:
    """One SLO line and endpoint in words."""

    verdict: Literal["pass", "fail", "inconclusive"]
    line: str
    endpoint: str
    value: str
    interval: str
    limit: str
    margin: str
    n: str
    provenance: str
    sentence: str
    source: SloLine

    @property
    def word(self) -> str:
        """The verdict as a word."""
        return WORDS[self.verdict]

    @property
    def symbol(self) -> str:
        """The verdict as a sign."""
        return SYMBOLS[self.verdict]


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure in words; `verdict` is that of the SLO line about it, else empty."""

    value: str
    interval: str = ""
    note: str = ""
    verdict: str = ""


def slo_rows(report: Report) -> list[SloRow]:
    """Give every line: breached first, then undecided, then passed, each in the report's order."""
    return [_slo_row(line) for line in sorted(report.slo, key=lambda line: ORDER[line.verdict])]


def _slo_row(line: SloLine) -> SloRow:
    unit = slo_unit(line)
    known = isinstance(line.figure, Estimate)
    margin = (
        figures.margin_text(line.figure.value, line.limit, line.comparator) if isinstance(line.figure, Estimate) else ""
    )
    if line.verdict == "inconclusive" and line.needed_turns is not None:
        margin = f"needs {line.needed_turns:,} turns"
    return SloRow(
        verdict=line.verdict,
        line=clean(line.line),
        endpoint=clean(f"{line.endpoint} · {line.arm}" if line.arm else line.endpoint),
        value=figures.estimate_text(line.figure, unit),
        interval=figures.interval_text(line.figure, unit),
        limit=f"{line.comparator} {figures.limit_text(line.limit, unit)}" if line.comparator else "",
        margin=margin,
        n=figures.count(line.figure.n if isinstance(line.figure, Estimate) else None),
        provenance=provenance(line.figure) if isinstance(line.figure, Estimate) else "",
        sentence=clean(line.sentence) if known else _with_reason(line),
        source=line,
    )


def _with_reason(line: SloLine) -> str:
    sentence = clean(line.sentence)
    reason = clean(line.figure.not_estimable) if isinstance(line.figure, NotEstimable) else ""
    return sentence if reason in sentence else f"{sentence} ({reason})"


def slo_unit(line: SloLine) -> Unit:
    """Give the unit of a line's figure: its own word, else the suffix of its metric's name."""
    return figures.unit_word(line.unit) or figures.unit_of(slo_target(line)[1])


def slo_target(line: SloLine) -> tuple[str, str]:
    """Give (`p95`, `ttft_ms`) of a line; the quantile is empty for a share or a scalar."""
    if found := _QUANTILE_OF.match(line.line):
        return found[1].replace(".", "_"), found[2]
    name = _NAME.match(line.line)
    return "", name[1] if name else ""


def state(report: Report) -> str:
    """Give the verdict, or that there was nothing to judge by."""
    return UNJUDGED if report.verdict == "pass" and not report.slo else report.verdict


def headline(report: Report) -> str:
    """Give the headline without the verdict's word, which every renderer shows before it."""
    return clean(report.headline).removeprefix(f"{WORDS[report.verdict]}: ")


def warnings(report: Report) -> list[str]:
    """Give the reasons of invalidity and the losses that the headline does not already name, each once."""
    said = headline(report)
    told = dict.fromkeys(map(clean, [*report.validity.reasons, *report.disturbances]))
    return [one for one in told if one not in said]


def started(report: Report) -> str:
    """Give the start to the minute, in UTC; a text that is no time as it is."""
    try:
        moment = datetime.fromisoformat(report.started_at)
    except ValueError:
        return clean(report.started_at)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment.tzinfo else f"{moment:%Y-%m-%d %H:%M}"


def verdict_counts(report: Report) -> str:
    """Say how many lines have which verdict: `2 fail · 2 inconclusive · 6 pass`."""
    counts: Counter[str] = Counter(line.verdict for line in report.slo)
    return " · ".join(f"{counts[verdict]} {verdict}" for verdict in ORDER if counts[verdict])


def headline_groups(report: Report) -> list[Group]:
    """Give the groups that the figures are about: the steady phase, or every group where there is none."""
    return [group for group in report.groups if group.phase == "steady"] or list(report.groups)


def group_name(group: Group, groups: list[Group]) -> str:
    """Give the endpoint's name; with its arm and phase only where these tell groups apart."""
    parts = [group.endpoint]
    alike = [other for other in groups if other.endpoint == group.endpoint]
    if len({other.arm for other in alike}) > 1:
        parts.append(group.arm or "no arm")
    if len({other.phase for other in groups}) > 1:
        parts.append(group.phase.replace("_", "-"))
    return clean(" · ".join(parts))


def colours(report: Report) -> dict[str, int]:
    """Give each endpoint and arm, as `target` names it, its colour's number, in the order of the tables.

    An endpoint alone, as the course over time has it, is coloured as its first arm.
    """
    found: dict[str, int] = {}
    for group in headline_groups(report):
        number = found.setdefault(target(group.endpoint, group.arm), len(set(found.values())))
        found.setdefault(group.endpoint, number)
    for name in (*report.plots.spectra, *report.plots.timelines):
        found.setdefault(name, len(set(found.values())))
    return found


def cell(figure: Figure | None, unit: Unit, verdict: str = "") -> Cell:
    """Give one figure in words, with its n and method as the note; a figure that was never made is a dash."""
    if figure is None:
        return Cell(figures.MISSING)
    if isinstance(figure, NotEstimable):
        shown = figures.INFINITE if figure == INFINITE else figures.NOT_ESTIMABLE
        return Cell(shown, note=clean(figure.not_estimable), verdict=verdict)
    return Cell(figures.estimate_text(figure, unit), figures.interval_text(figure, unit), provenance(figure), verdict)


def provenance(figure: Estimate) -> str:
    """Say what a figure rests on: n, the independent turns that n is worth, and the method."""
    worth = "" if figure.n_effective is None else f" (worth {figure.n_effective:,.0f} independent turns)"
    return f"n = {figure.n:,}{worth}, {clean(figure.method)}"


def parts(group: Group) -> dict[str, Estimate]:
    """Give the shares that divide the turns by outcome."""
    return {
        name: figure
        for name, figure in group.shares.items()
        if isinstance(figure, Estimate) and name not in OVERLAPPING
    }
