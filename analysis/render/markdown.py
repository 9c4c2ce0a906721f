"""`report.md`: at most 60 lines for a pull request, verdict table first, the rest folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.render import server_times, summary
from analysis.render.experiment_grid import sentences
from analysis.render.sides import side_name, sides
from analysis.words import figures
from analysis.words.plaintext import markdown, markdown_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.model import Report

LINES = 60
_MOST_REASONS, _MOST_TOLD, _MOST_STEPS, _MOST_SLO, _MOST_ADVICE, _MOST_CLOCKS = 3, 4, 3, 12, 2, 2
_MOST_COLUMNS = 6
_ACROSS = (
    *("Time to first token p95", "Response time p95", "Throttled turns", "Unsuccessful turns"),
    figures.label("accuracy"),
)
"""Figures of a table whose rows are endpoints, with every cost that there is."""

_FOLD_LINES = 5
_SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "invalid": "⛔", "unjudged": "\u2796"}


def to_markdown(report: Report) -> str:
    """Give the summary; no name in it is a link, a mention, markup or a new line; long lists are cut."""
    told = [f"{_SIGNS[one.verdict]} {one.sentence}" if report.slo else one.sentence for one in report.standings]
    is_valid = report.verdict != "invalid"
    lines = [
        f"## {_SIGNS[summary.state(report)]} {summary.WORDS[summary.state(report)]}: {markdown(report.name)}",
        "",
        *([] if is_valid and told else [markdown(summary.headline(report)), ""]),
        *_bullets(summary.warnings(report), _MOST_REASONS, "reasons"),
        *_slo_table(report),
        *(_bullets(told, _MOST_TOLD, "endpoints") if is_valid else []),
        *_bullets(report.next_steps, _MOST_STEPS, "steps", "**Next:** "),
        *(_bullets(_advice(report), _MOST_ADVICE, "sentences", "**Take:** ") if is_valid else []),
        *(_bullets(server_times.sentences(report), _MOST_CLOCKS, "sentences", "**Timing:** ") if is_valid else []),
    ]
    for title, content in (
        ("The arms against each other", _points(sentences(report))),
        ("Figures per endpoint", _sides_table(report)),
        ("How this was measured", _points(report.notes)),
    ):
        lines += _folded(title, content, LINES - len(lines) - 1)
    return "\n".join([*lines, _origin(report)]) + "\n"


def _advice(report: Report) -> list[str]:
    return [one.sentence for one in report.selection.advice] if report.selection else []


def _points(texts: Sequence[str]) -> list[str]:
    return [f"- {markdown(text)}" for text in texts]


def _origin(report: Report) -> str:
    run = f"Run {markdown_code(report.run_id)}, {summary.started(report)}, {markdown(report.load_model)} loop."
    return f"{run} Brackets are 95% intervals; the whole report is in `report.html`."


def _bullets(texts: Sequence[str], most: int, kind: str, lead: str = "") -> list[str]:
    if not texts:
        return []
    shown = [f"- {lead}{markdown(text)}" for text in texts[:most]]
    if len(texts) > most:
        shown[-1:] = [f"- … and {len(texts) - most + 1} more {kind} in report.html"]
    return [*shown, ""]


def _slo_table(report: Report) -> list[str]:
    rows = summary.slo_rows(report)
    if not rows:
        return ["The scenario has no `slo` lines: there is no limit to hold these figures against.", ""]
    lines = ["| verdict | line | endpoint | figure [low, high] | distance | n |", "|---|---|---|--:|---|--:|"]
    lines += [_slo_row(row) for row in rows[:_MOST_SLO]]
    if len(rows) > _MOST_SLO:
        lines.append(f"| … | and {len(rows) - _MOST_SLO} more in report.html, none worse than these | | | | |")
    if report.verdict == "invalid":
        lines += ["", f"**{summary.VOID}**"]
    return [*lines, ""]


def _slo_row(row: summary.SloRow) -> str:
    figure = f"**{row.value}** {row.interval}".rstrip()
    names = f"{markdown_code(row.line)} | {markdown_code(row.endpoint)}"
    return f"| {_SIGNS[row.verdict]} {row.verdict} | {names} | {figure} | {row.margin} | {row.n} |"


def _sides_table(report: Report) -> list[str]:
    """Give a column per endpoint; where these are many, a row each, with the figures that decide."""
    groups = summary.headline_groups(report)
    if not groups:
        return []
    names = [markdown_code(summary.group_name(group, groups)) for group in groups]
    found = [
        (side_name(side), [f"{cell.value} {cell.interval}".rstrip() for cell in side.cells]) for side in sides(report)
    ]
    if len(groups) > _MOST_COLUMNS:
        kept = [one for one in found if one[0] in _ACROSS or one[0].startswith("Cost")]
        columns = zip(*(cells for _, cells in kept), strict=True)
        found, names = list(zip(names, map(list, columns), strict=True)), [head for head, _ in kept]
    lines = [f"| | {' | '.join(names)} |", f"|---|{'--:|' * len(names)}"]
    return [*lines, *(f"| {head} | {' | '.join(cells)} |" for head, cells in found)]


def _folded(title: str, content: list[str], room: int) -> list[str]:
    """Fold what fits; what is cut is said, in a cell where it is a table."""
    room -= _FOLD_LINES
    if not content or room < min(len(content), 4):
        return []
    if len(content) > room:
        more = f"… and {len(content) - room + 1} more in report.html"
        cells = content[0].count(" | ") if content[0].startswith("|") else 0
        content = [*content[: room - 1], f"| {more} |{' |' * cells}" if cells else f"- {more}"]
    return [f"<details><summary>{title}</summary>", "", *content, "", "</details>", ""]
