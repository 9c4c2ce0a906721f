"""`report.md`: at most 60 lines for a pull request, verdict table first, the rest folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.render import summary
from analysis.render.experiment_grid import sentences
from analysis.render.sides import side_name, sides
from analysis.words.plaintext import markdown, markdown_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.model import Report

LINES = 60
_MOST_REASONS, _MOST_STEPS, _MOST_SLO, _MOST_SIDES, _MOST_NOTES = 3, 3, 12, 14, 3
_MOST_CONTRASTS = 14
_SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "invalid": "⛔"}


def to_markdown(report: Report) -> str:
    """Give the summary; no name in it is a link, a mention, markup or a new line; long lists are cut."""
    lines = [
        f"## {_SIGNS[report.verdict]} {summary.WORDS[report.verdict]}: {markdown(report.name)}",
        "",
        markdown(summary.headline(report)),
        "",
        *_bullets(summary.further_reasons(report), _MOST_REASONS, "reasons"),
        *_slo_table(report),
        *_bullets(report.next_steps, _MOST_STEPS, "steps", "**Next:** "),
        *_folded("The arms against each other", _bullets(sentences(report), _MOST_CONTRASTS, "contrasts")[:-1]),
        *_folded("Figures per endpoint", _sides_table(report)),
        *_folded("How this was measured", _bullets(report.notes, _MOST_NOTES, "notes")[:-1]),
        _origin(report),
    ]
    return "\n".join(lines) + "\n"


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
    groups = summary.headline_groups(report)
    if not groups:
        return []
    names = (markdown_code(summary.group_name(group, groups)) for group in groups)
    lines = [f"| | {' | '.join(names)} |", f"|---|{'--:|' * len(groups)}"]
    for side in sides(report)[:_MOST_SIDES]:
        cells = (f"{cell.value} {cell.interval}".rstrip() for cell in side.cells)
        lines.append(f"| {side_name(side)} | {' | '.join(cells)} |")
    return lines


def _folded(title: str, content: list[str]) -> list[str]:
    if not content:
        return []
    return [f"<details><summary>{title}</summary>", "", *content, "", "</details>", ""]
