"""The report on a terminal: verdict, SLO table, figures per endpoint; aligned plain text when piped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from analysis.render import experiment_grid, summary
from analysis.words import figures
from analysis.words.plaintext import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from analysis.model import Report

_STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "invalid": "bold magenta", "": ""}
_SLO_HEADS = ("Verdict", "Line", "Endpoint", "Figure", "95% interval", "n", "Distance")
_ASCII = str.maketrans({"✓": "+", "✕": "x", "⊘": "!", "→": "->", "≥": ">=", "≤": "<=", "∞": "inf"})
_ASCII |= str.maketrans({figures.MISSING: "-", figures.TIMES: "x"})


def print_report(report: Report, console: Console) -> None:
    """Print the verdict, what to do next, the SLO table and the headline figures of each endpoint."""
    page = _Page(console)
    word = Text(
        page.speak(f"{summary.SYMBOLS[report.verdict]} {summary.WORDS[report.verdict]}"), _STYLES[report.verdict]
    )
    page.line(Text.assemble(word, "  ", page.speak(summary.headline(report))))
    for reason in summary.further_reasons(report):
        page.line(f"  ! {reason}")
    for step in report.next_steps:
        page.line(f"  → {clean(step)}")
    if report.slo:
        page.table(_SLO_HEADS, [_slo_row(row) for row in summary.slo_rows(report)], right={5})
        if report.verdict == "invalid":
            page.line(summary.VOID)
    for sentence in experiment_grid.sentences(report):
        page.line(f"  · {sentence}")
    groups = summary.headline_groups(report)
    if groups:
        heads = ("", *(summary.group_name(group, groups) for group in groups))
        page.table(heads, [_side(side) for side in summary.sides(report)], right=set(range(1, len(heads))))


Styled = tuple[str, str]
"""A text and its style."""


def _slo_row(row: summary.SloRow) -> list[Styled]:
    plain = (row.line, row.endpoint, row.value, row.interval, row.n, row.margin)
    return [(f"{row.symbol} {row.verdict}", _STYLES[row.verdict]), *((text, "") for text in plain)]


def _side(side: summary.Side) -> list[Styled]:
    return [(summary.side_name(side), ""), *(_figure(cell) for cell in side.cells)]


def _figure(cell: summary.Cell) -> Styled:
    return f"{cell.value} {cell.interval}".rstrip(), _STYLES["fail"] if cell.verdict == "fail" else ""


@dataclass(frozen=True, slots=True)
class _Page:
    """A console that is only given characters it can show."""

    console: Console

    def speak(self, text: str) -> str:
        encoding = self.console.encoding
        if encoding.startswith("utf"):
            return text
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)

    def line(self, text: Text | str) -> None:
        self.console.print(text if isinstance(text, Text) else Text(self.speak(text)), soft_wrap=True)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[Styled]], right: set[int]) -> None:
        texts = [[Text(self.speak(text), style) for text, style in row] for row in rows]
        shown = [Text(self.speak(head), "dim") for head in heads]
        self.line("")
        if self.console.is_terminal:
            self.console.print(_rich_table(shown, texts, right))
            return
        for line in _aligned([shown, *texts], right):
            self.line(line)


def _rich_table(heads: list[Text], rows: list[list[Text]], right: set[int]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for index, head in enumerate(heads):
        table.add_column(head, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _aligned(rows: list[list[Text]], right: set[int]) -> list[str]:
    widths = [max(row[index].cell_len for row in rows) for index in range(len(rows[0]))]
    return ["  ".join(_padded(row, widths, right)).rstrip() for row in rows]


def _padded(row: list[Text], widths: list[int], right: set[int]) -> list[str]:
    spaces = [" " * (width - text.cell_len) for text, width in zip(row, widths, strict=True)]
    return [
        space + text.plain if index in right else text.plain + space
        for index, (text, space) in enumerate(zip(row, spaces, strict=True))
    ]
