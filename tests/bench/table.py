"""The benchmark's figures on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.figures import NAMES, REFERENCE_TTFT_P99, REFERENCE_US, Figure
from bench.trial import Result

WORDS = {True: "[green]holds[/]", False: "[red]missed[/]", None: ""}


def show(
    console: Console, results: Mapping[str, Result], figures: Sequence[Figure], machine: Mapping[str, object]
) -> None:
    """Print both tables, and on what machine they were made."""
    console.print(_readers(results))
    console.print(_targets(figures))
    missed = [figure.name for figure in figures if figure.holds is False]
    held = sum(figure.holds is True for figure in figures)
    console.print(f"{held} of {held + len(missed)} targets hold.", *(f"Missed: {name}." for name in missed))
    noise = max((result.others_cores for result in results.values()), default=0.0)
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}. "
        f"Others used up to {noise:.0%} of the client's core: on a busy core all figures rise, ratios less."
    )


def _readers(results: Mapping[str, Result]) -> Table:
    table = Table(title="Readers: CPU per chunk (or request), and errors of what they report")
    timings = ("TTFT p50", "TTFT p99", "reference", "gap p50", "gap p99")
    for heading in ("reader", "µs", "reference", "provider µs", *timings, "others"):
        table.add_column(heading, justify="left" if heading == "reader" else "right")
    for name, result in results.items():
        found = result.accuracy
        errors = (
            []
            if found is None
            else [found.ttft_p50_error, found.ttft_p99_error, found.gap_p50_error, found.gap_p99_error]
        )
        shown = [f"{error:.2%}" for error in errors] or [""] * 4
        streaming = found is not None
        table.add_row(
            f"{NAMES[result.reader]}{_remainder(name)}",
            f"{result.client_us:.1f}",
            f"{REFERENCE_US[result.reader]:.1f}" if streaming and result.reader in REFERENCE_US else "",
            f"{result.provider_us:.1f}",
            *shown[:2],
            REFERENCE_TTFT_P99.get(result.reader, "") if streaming else "",
            *shown[2:],
            f"{result.others_cores:.0%}",
        )
    return table


def _remainder(name: str) -> str:
    """Give what stands behind the reader's name."""
    rest = name.partition(" ")[2]
    return f" · {rest}" if rest else ""


def _targets(figures: Sequence[Figure]) -> Table:
    table = Table(title="Targets")
    for heading in ("figure", "measured", "target", "", "reference"):
        table.add_column(heading, justify="right" if heading in ("measured", "target") else "left")
    for figure in figures:
        target = (
            "" if figure.limit is None else f"{'≤' if figure.sense == '<=' else '≥'} {figure.limit:,g} {figure.unit}"
        )
        table.add_row(
            figure.name, f"{_number(figure.value)} {figure.unit}", target, WORDS[figure.holds], figure.reference
        )
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"
