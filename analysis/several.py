"""Commands over several runs, as the command line offers them: compare, matrix, dashboard. Imports stay light here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

JunitInconclusive = Annotated[
    Literal["fail", "skip"],
    typer.Option(help="What JUnit is told of lines that are not decided, of invalid runs too: failures or skips."),
]


def compare(  # noqa: PLR0913 - each option is an argument
    base: Annotated[str, typer.Argument(metavar="BASE", help="A run, RUN:ENDPOINT[/ARM], or several by commas.")],
    candidate: Annotated[str, typer.Argument(metavar="CANDIDATE", help="Likewise.")],
    *,
    more_base: Annotated[
        list[str] | None, typer.Option("--base", metavar="RUN", help="One more run of the base.")
    ] = None,
    more_candidate: Annotated[
        list[str] | None, typer.Option("--candidate", metavar="RUN", help="One more run of the candidate.")
    ] = None,
    margin: Annotated[
        list[str] | None, typer.Option(metavar="LINE", help="One more margin, such as 'p95(ttft_ms) <= 1.10'.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Where files go; else to the candidate.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print compare.json instead of words.")] = False,
    junit_inconclusive: JunitInconclusive = "fail",
) -> None:
    """Compare a candidate with a baseline, with a verdict.

    Ratios and differences, each with its interval; the verdict is by the margins, which are the `compare:` lines of the
    candidate's scenario. Several runs per side: the run is then the unit. Writes compare.html, compare.md,
    compare.json and compare.junit.xml; the exit code is the verdict's.

    Example: tailgate compare results/chat-20260101T030405Z results/chat-20260102T030405Z
    """
    from analysis.commands.compare import compare_runs

    sides = ([base, *(more_base or [])], [candidate, *(more_candidate or [])])
    raise typer.Exit(compare_runs(*sides, margin or [], output, as_json=as_json, junit=junit_inconclusive))


def matrix(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Runs, or RUN:ENDPOINT[/ARM].")],
    *,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Where files go; else to the last run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print matrix.json instead of words.")] = False,
) -> None:
    """Put candidates side by side and say which to take.

    Every endpoint and arm of the runs is one: who dominates whom, how sure, and which to take for which traffic.
    Limits and weights are those under `selection:` in the last run's scenario; else its SLO lines, and the cheapest.

    Example: tailgate matrix results/chat-20260101T030405Z results/chat-20260102T030405Z
    """
    from analysis.commands.matrix import make_matrix

    raise typer.Exit(make_matrix(runs, output, as_json=as_json))


def dashboard(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="A folder of run folders.", show_default=False)],
) -> None:
    """Make one page over all runs of a folder: trends, changes.

    The trend of each headline, where its level changed, and links to the reports. Writes dashboard.html,
    dashboard.json and history.csv into the folder.

    Example: tailgate dashboard results
    """
    from analysis.commands.dashboard import make_dashboard

    raise typer.Exit(make_dashboard(results))


def evaluate(
    source: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, or a file of answers.", show_default=False)
    ],
    *,
    rubric: Annotated[Path | None, typer.Option(metavar="FILE", help="Another rubric than the run's own.")] = None,
    slo: Annotated[
        list[str] | None, typer.Option(metavar="LINE", help="One more objective, such as 'accuracy >= 0.85'.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """Grade answers by a rubric alone.

    Of a run, or of a JSON-lines file with `case_id`, `prompt` and `answer` in each line, and perhaps what is expected
    (`expect`) and what a person called it (`label`). The exit code is that of the objectives on quality.

    Example: tailgate eval results/chat-20260102T030405Z --rubric stricter.yaml
    """
    from analysis.commands.eval import evaluate as run_evaluation

    raise typer.Exit(run_evaluation(source, rubric, slo or [], as_json=as_json))
