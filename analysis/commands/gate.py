"""`tailgate gate`: the verdict alone, by the SLO lines and, with a baseline, by the margins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from analysis.commands.report import EXIT_CODES, build
from scenarios.errors import ExitCode, TailgateError

if TYPE_CHECKING:
    from analysis.comparing.comparison import Comparison
    from analysis.model import Report, Verdict

LATEST = "latest"


def gate_run(folder: Path, baseline: str | None, on_inconclusive: Literal["fail", "warn"] = "fail") -> ExitCode:
    """Print each line's verdict, then the run's. Raises TailgateError."""
    from rich.console import Console

    from analysis.render.terminal import print_lines
    from analysis.words.plaintext import clean

    report = build(folder)
    base, why = _baseline(folder, baseline)
    comparison = None if base is None else _compared(base, folder)
    report = report if comparison is None else _without_relative(report)
    verdict = _verdict(report, comparison, missing=baseline is not None and base is None)
    said = [*_of_slo(report), *_of_baseline(comparison, why)]
    said.append(_last(report, comparison, verdict))
    let_through = verdict == "inconclusive" and on_inconclusive == "warn"
    if let_through:
        said.append("warning: inconclusive is let through by --on-inconclusive warn; it is not a pass")
    print_lines(map(clean, said), Console(highlight=False))
    return ExitCode.PASS if let_through else EXIT_CODES[verdict]


def _baseline(folder: Path, baseline: str | None) -> tuple[Path | None, str]:
    from analysis.verdicts.baseline import latest

    if baseline is None:
        return None, ""
    if baseline == LATEST:
        return latest(folder)
    path = Path(baseline)
    if not path.is_dir():
        raise TailgateError(f"--baseline {baseline}: no such run folder; name one, or latest")
    if path.resolve() == folder.resolve():
        raise TailgateError(f"--baseline {baseline}: is the run itself; name an earlier one, or latest")
    return path, "as named"


def _compared(base: Path, folder: Path) -> Comparison:
    from analysis.comparing.compare import compare
    from analysis.comparing.side import Wanted, known

    return compare([known(Wanted(base))], [known(Wanted(folder))])


def _without_relative(report: Report) -> Report:
    """Leave to the comparison the lines that only a baseline can decide."""
    from analysis.verdicts.headline import headline, verdict
    from analysis.verdicts.held import is_relative
    from analysis.verdicts.standing import standings

    lines = [line for line in report.slo if not is_relative(line)]
    own, standing = verdict(report.validity, lines, report.groups), standings(lines, report.groups)
    said = headline(own, report.validity, lines, report.groups, standing)
    return report.model_copy(update={"slo": lines, "verdict": own, "standings": standing, "headline": said})


def _verdict(report: Report, comparison: Comparison | None, *, missing: bool) -> Verdict:
    """Invalid before all; fail if either fails; pass only if both pass. A baseline that is not there is no pass."""
    found: set[Verdict] = {report.verdict, "inconclusive" if missing else "pass"}
    if comparison is not None:
        # A bad baseline does not make this run invalid: it leaves the comparison open.
        found.add("inconclusive" if comparison.verdict == "invalid" else comparison.verdict)
    order: tuple[Verdict, ...] = ("invalid", "fail", "inconclusive", "pass")
    return next(each for each in order if each in found)


def _of_slo(report: Report) -> Iterator[str]:
    from analysis.verdicts.certainty import in_words

    for reason in report.validity.reasons:
        yield f"{report.validity.verdict}: {reason}"
    order = ("fail", "inconclusive", "pass")
    for line in sorted(report.slo, key=lambda line: order.index(line.verdict)):
        said = in_words(line)
        yield f"{line.verdict}: {line.sentence}{f'; {said}' if said else ''}"


def _of_baseline(comparison: Comparison | None, why: str) -> Iterator[str]:
    if comparison is None:
        if why:
            yield f"inconclusive: nothing to compare with: {why}"
        return
    yield f"baseline: {comparison.base[0].folder}, {why}"
    for run in comparison.base:
        for reason in run.reasons:
            yield f"inconclusive: the baseline is invalid: {reason}"
    order = ("fail", "inconclusive", "pass")
    for line in (
        [] if comparison.verdict == "invalid" else sorted(comparison.lines, key=lambda line: order.index(line.verdict))
    ):
        yield f"{line.verdict}: {line.sentence}"
    yield from (f"next: {step}" for step in comparison.next_steps)


def _last(report: Report, comparison: Comparison | None, verdict: Verdict) -> str:
    """Give the verdict's sentence: the report's own, or the comparison's where that decided."""
    from analysis.render.summary import headline

    if report.verdict == verdict and verdict != "pass":
        return f"{verdict}: {headline(report)}"
    if comparison is not None and comparison.verdict == verdict:
        first = comparison.conclusion.split(". ")[0].partition(": ")[2]
        own = f"; {headline(report)}" if report.verdict == verdict else ""
        return f"{verdict}: {first.rstrip('.')}{own}"
    return f"{verdict}: {headline(report)}" if report.verdict == verdict else f"{verdict}: see the lines above"
