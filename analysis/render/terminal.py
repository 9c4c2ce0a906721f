"""The report on a terminal: verdict, SLO table, figures per endpoint; aligned plain text when piped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from analysis.render import experiment_grid, summary
from analysis.render.sides import Side, side_name, sides
from analysis.words import figures
from analysis.words.plaintext import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from analysis.model import Report

_STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "invalid": "bold magenta"}
_SLO_HEADS = ("Verdict", "Line", "Endpoint", "Figure", "95% interval", "n", "Distance")
FOLDED = 26
"""Columns that labels of figures need at the least."""
_ASCII = str.maketrans({"✓": "+", "·": "-", "✕": "x", "⊘": "!", "→": "->", "≥": ">=", "≤": "<=", "∞": "inf"})
_ASCII |= str.maketrans({figures.MISSING: "-", figures.TIMES: "x"})


def print_report(report: Report, console: Console) -> None:
    """Print the verdict, what to do next, the SLO table and the headline figures of each endpoint."""
    page = _Page(console)
    state = summary.state(report)
    word = Text(page.speak(f"{summary.SYMBOLS[state]} {summary.WORDS[state]}"), _STYLES.get(state, ""))
    page.line(Text.assemble(word, "  ", page.speak(summary.headline(report))))
    for reason in summary.warnings(report):
        page.line(reason, "  ! ")
    for step in report.next_steps:
        page.line(clean(step), "  → ")
    if report.slo:
        page.lines([_slo_row(row) for row in summary.slo_rows(report)])
        if report.verdict == "invalid":
            page.line(summary.VOID)
    for sentence in experiment_grid.sentences(report):
        page.line(sentence, "  · ")
    for advice in report.selection.advice if report.selection and report.validity.verdict == "valid" else ():
        page.line("")
        page.line(clean(advice.sentence))
    groups = summary.headline_groups(report)
    if groups:
        heads = [summary.group_name(group, groups) for group in groups]
        if all(group.phase != "steady" for group in groups):
            page.line("")
            page.line("There was no steady phase: these are the phases that there were, for a look.")
        page.sides(heads, [_side(side) for side in sides(report)])


def print_lines(lines: Iterable[str], console: Console) -> None:
    """Print lines that begin with a verdict and a colon, the verdict in its colour."""
    page = _Page(console)
    for line in lines:
        word, colon, rest = line.partition(": ")
        page.line(Text.assemble((page.speak(word), _STYLES.get(word, "")), page.speak(colon + rest)))


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], console: Console) -> None:
    """Print a table of texts, the first column to the left."""
    styled = [[(text, "") for text in row] for row in rows]
    _Page(console).table(heads, styled, right=set(range(1, len(heads))))


Styled = tuple[str, str]
"""A text and its style."""


def _slo_row(row: summary.SloRow) -> list[Styled]:
    plain = (row.line, row.endpoint, row.value, row.interval, row.n, row.margin)
    return [(f"{row.symbol} {row.verdict}", _STYLES[row.verdict]), *((text, "") for text in plain)]


def _side(side: Side) -> list[Styled]:
    return [(side_name(side), ""), *(_figure(cell) for cell in side.cells)]


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

    def line(self, text: Text | str, lead: str = "") -> None:
        """Print a line behind its sign; a terminal gets it broken between words."""
        whole = text if isinstance(text, Text) else Text(self.speak(text))
        lead = self.speak(lead)
        room = max(self.console.width - cell_len(lead), 1)
        pieces = whole.wrap(self.console, room) if self.console.is_terminal else [whole]
        for number, piece in enumerate(pieces):
            self.console.print(Text.assemble(" " * cell_len(lead) if number else lead, piece), soft_wrap=True)

    def lines(self, rows: Sequence[Sequence[Styled]]) -> None:
        """Print the SLO lines: a table, or two lines for each where the terminal is too narrow for one."""
        if not self.console.is_terminal or _width([[(head, "") for head in _SLO_HEADS], *rows]) <= self.console.width:
            self.table(_SLO_HEADS, rows, right={5})
            return
        self.line("")
        for verdict, line, endpoint, figure, interval, n, distance in rows:
            self.line(Text.assemble((self.speak(verdict[0]), verdict[1]), self.speak(f"  {endpoint[0]}: {line[0]}")))
            facts = (f"{figure[0]} {interval[0]}".rstrip(), "" if n[0] == figures.MISSING else f"n {n[0]}", distance[0])
            self.line(", ".join(filter(None, facts)), "    ")

    def sides(self, heads: Sequence[str], rows: Sequence[Sequence[Styled]]) -> None:
        """Print figures side by side, as many endpoints at once as the terminal holds."""
        columns = list(zip(*rows, strict=True))
        step = len(heads)
        while self.console.is_terminal and step > 1 and self._overflows(heads, columns, step):
            step -= 1
        for first in range(0, len(heads), step):
            shown = [columns[0], *columns[first + 1 : first + 1 + step]]
            names = ("", *heads[first : first + step])
            self.table(names, list(zip(*shown, strict=True)), right=set(range(1, len(names))))

    def _overflows(self, heads: Sequence[str], columns: Sequence[Sequence[Styled]], step: int) -> bool:
        """Tell whether any `step` neighbours are too wide, beside a first column that may be folded."""
        widths = [
            max(map(cell_len, (head, *(text for text, _ in column)))) + 2
            for head, column in zip(heads, columns[1:], strict=True)
        ]
        return any(FOLDED + sum(widths[at : at + step]) > self.console.width for at in range(0, len(widths), step))

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[Styled]], right: set[int]) -> None:
        texts = [[Text(self.speak(text), style) for text, style in row] for row in rows]
        shown = [Text(self.speak(head), "dim") for head in heads]
        self.line("")
        if self.console.is_terminal:
            self.console.print(_rich_table(shown, texts, right))
            return
        for line in _aligned([shown, *texts], right):
            self.line(line)


def _width(rows: Sequence[Sequence[Styled]]) -> int:
    return sum(max(cell_len(text) for text, _ in column) + 2 for column in zip(*rows, strict=True))


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
