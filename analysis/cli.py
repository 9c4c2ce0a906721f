"""The `tailgate` command. Imports stay light here: each command loads what it needs when it is called."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from analysis import before, several
from analysis.pipe import patient
from scenarios.errors import ExitCode, TailgateError

DEBUG_VARIABLE = "TAILGATE_DEBUG"
MIN_SECRET_LENGTH = 8
INTERRUPTED = 130
"""What Typer makes of a Ctrl-C."""

app = typer.Typer(
    name="tailgate",
    help="Load tests for LLM chat endpoints: tail latency, cost and a verdict.\n\nExample: tailgate run chat.yaml",
    epilog="Exit codes: 0 pass, 1 internal error, 2 usage or scenario error, 3 an SLO is breached, 4 inconclusive, "
    "5 the run is invalid or incomplete.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]
RunFolders = Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders.", show_default=False)]


def _print_version(wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tailgate {version('tailgate')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Hold the options that stand before the command."""


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(  # noqa: PLR0913 - each option is an argument
    context: typer.Context,
    file: before.ScenarioFile,
    *,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where run folders are made.")] = Path("results"),
    web: Annotated[bool, typer.Option("--web", help="Show Locust's web UI and wait for its Start button.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Spread the users over N processes of this machine.")
    ] = None,
    junit_inconclusive: several.JunitInconclusive = "fail",
) -> None:
    """Run the load, make the report; the exit code is the verdict's.

    Options that Tailgate does not know are Locust's. Ctrl-C once ends the load early and still makes the report;
    twice ends at once.

    Example: tailgate run chat.yaml --users 50 --run-time 2m
    """
    from analysis.commands.run import run_scenario

    spread = ["--processes", str(workers)] if workers else []
    raise typer.Exit(run_scenario(file, results, [*context.args, *spread], web=web, junit=junit_inconclusive))


app.command()(before.init)
app.command()(before.check)
app.command()(before.probe)
app.command()(before.simulate)


@app.command()
def report(
    runs: RunFolders,
    *,
    history: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Put each run's row into this file, for trend tools.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json instead of the tables.")] = False,
    junit_inconclusive: several.JunitInconclusive = "fail",
) -> None:
    """Make the report files of a run anew from its rows.

    Writes report.html, report.md, report.json, junit.xml and history.csv, and prints the verdict.

    Example: tailgate report results/chat-20260102T030405Z
    """
    from analysis.commands.report import make_reports

    raise typer.Exit(make_reports(runs, history, as_json=as_json, junit=junit_inconclusive))


app.command()(several.compare)


@app.command()
def gate(
    run: RunFolder,
    *,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="RUN|latest", help="Hold the margins too; latest: the newest earlier run that passed."),
    ] = None,
    on_inconclusive: Annotated[
        Literal["fail", "warn"], typer.Option(help="Whether what cannot be decided is exit code 4 or a warning.")
    ] = "fail",
) -> None:
    """Print a run's verdict, for CI; the exit code is the verdict's.

    Says which line failed, by how much, how sure that is, and how much longer to run where it is open.

    Example: tailgate gate results/chat-20260102T030405Z --baseline latest
    """
    from analysis.commands.gate import gate_run

    raise typer.Exit(gate_run(run, baseline, on_inconclusive))


@app.command()
def collect(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="Folders of workers.", show_default=False)],
    *,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where the run folder is made.")] = Path("results"),
    merge: Annotated[bool, typer.Option("--merge", help="Several masters' runs of one scenario, at once.")] = False,
) -> None:
    """Make one run folder from what a run's workers kept.

    With or without the master's own folder. --merge makes one run of several masters' runs, which loaded the same
    endpoints at the same time: the steady phase is when all were steady.

    Example: tailgate collect worker-1/chat-20260102T030405Z worker-2/chat-20260102T030405Z
    """
    from analysis.commands.collect import collect_folders

    raise typer.Exit(collect_folders(folders, results, merge=merge))


@app.command("import")
def import_(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="What `locust --csv` was given.", show_default=False)],
    *,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where run folders are made.")] = Path("results"),
    slo: Annotated[
        list[str] | None, typer.Option(metavar="LINE", help="An objective, such as 'p95(service_time_ms) < 800'.")
    ] = None,
) -> None:
    """Make a run folder and report from Locust's CSV files.

    Of any Locust version; the exit code is the verdict's. Each percentile comes with its bucket's error and n. What
    Locust's files do not hold is named.

    Example: tailgate import results/load --slo "p95(service_time_ms) < 800"
    """
    from analysis.commands.import_csv import import_csv

    raise typer.Exit(import_csv(prefix, results, slo or ()))


app.command()(several.matrix)
app.command()(several.dashboard)
app.command("eval")(several.evaluate)
app.command()(before.schema)


def main() -> NoReturn:
    """Run the command line. A problem is one line on standard error and an exit code, never a traceback."""
    sys.stdout = patient(sys.stdout)
    try:
        code = app(standalone_mode=False)
    except TailgateError as error:
        code = _fail(error, str(error), error.code)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the last line of defence: any other is a defect of ours
        code = _usage_or_defect(error)
    sys.exit(_say("interrupted", ExitCode.INVALID) if code == INTERRUPTED else code or 0)


def _usage_or_defect(error: Exception) -> int:
    """Let the parser's own errors (duck-typed: Typer moved them between versions) show themselves; report any other."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if callable(show) and isinstance(code, int):
        show()
        return code
    kind = type(error).__name__
    message = f"internal error: {kind}: {error}; rerun with {DEBUG_VARIABLE}=1 for the traceback"
    return _fail(error, message.replace("\n", " "), ExitCode.INTERNAL_ERROR)


def _fail(error: Exception, message: str, code: ExitCode) -> ExitCode:
    if os.environ.get(DEBUG_VARIABLE):
        sys.stderr.write(_without_secrets("".join(traceback.format_exception(error))))
    return _say(message, code)


def _say(message: str, code: ExitCode) -> ExitCode:
    sys.stderr.write(_without_secrets(message) + "\n")
    return code


def _without_secrets(text: str) -> str:
    """Put `$NAME` for the value of each variable named like a secret: a foreign message may quote a header."""
    for name, value in os.environ.items():
        if len(value) >= MIN_SECRET_LENGTH and any(word in name.upper() for word in ("KEY", "TOKEN", "SECRET", "PASS")):
            text = text.replace(value, f"${name}")
    return text


if __name__ == "__main__":
    main()
