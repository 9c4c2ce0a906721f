"""The `tailgate` command. Imports stay light here: each command loads what it needs when it is called."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from analysis import several
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

ScenarioFile = Annotated[Path, typer.Argument(metavar="FILE", help="The scenario, a YAML file.", show_default=False)]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]
RunFolders = Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.", show_default=False)]


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
def run(
    context: typer.Context,
    file: ScenarioFile,
    *,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where run folders are made.")] = Path("results"),
    web: Annotated[bool, typer.Option("--web", help="Show Locust's web UI and wait for its Start button.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Spread the users over N processes of this machine.")
    ] = None,
) -> None:
    """Run the load, then make the report; the exit code is the verdict's.

    Options that Tailgate does not know are Locust's. Ctrl-C once ends the load early and still makes the report;
    twice ends at once.

    Example: tailgate run chat.yaml --users 50 --run-time 2m
    """
    from analysis.commands.run import run_scenario

    spread = ["--processes", str(workers)] if workers else []
    raise typer.Exit(run_scenario(file, results, [*context.args, *spread], web=web))


@app.command()
def check(file: ScenarioFile) -> None:
    """Validate a scenario and show its plan: phases, requests, tokens, dollars, and the samples that its SLOs need.

    Example: tailgate check chat.yaml
    """
    from analysis.commands.check import check_scenario

    raise typer.Exit(check_scenario(file))


@app.command()
def probe(file: ScenarioFile) -> None:
    """Make one real request per endpoint and say in plain sentences what is wrong.

    Exit code 5 when an endpoint cannot be used.

    Example: tailgate probe chat.yaml
    """
    from analysis.commands.probe import probe_scenario

    raise typer.Exit(probe_scenario(file))


@app.command()
def simulate(
    file: ScenarioFile,
    *,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is every address of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    truth: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Write down here what was done to each request.")
    ] = None,
) -> None:
    """Serve the scenario's simulated endpoints until Ctrl-C.

    Example: tailgate simulate quickstart.yaml --port 8080
    """
    from analysis.commands.simulate import simulate_endpoints

    raise typer.Exit(simulate_endpoints(file, host, port, truth))


@app.command()
def report(
    runs: RunFolders,
    *,
    history: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Put each run's row into this file, for trend tools.")
    ] = None,
) -> None:
    """Make report.html, report.md, report.json, junit.xml and history.csv anew from the rows.

    Example: tailgate report results/chat-20260102T030405Z
    """
    from analysis.commands.report import make_reports

    raise typer.Exit(make_reports(runs, history))


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
        str, typer.Option(metavar="fail|warn", help="Whether what cannot be decided is exit code 4 or a warning.")
    ] = "fail",
) -> None:
    """Print the verdict of a run, for CI; the exit code is the verdict's.

    Says which line failed, by how much, how sure that is, and how much longer to run where it is open.

    Example: tailgate gate results/chat-20260102T030405Z --baseline latest
    """
    from analysis.commands.gate import gate_run

    raise typer.Exit(gate_run(run, baseline, on_inconclusive))


@app.command()
def collect(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of workers.", show_default=False)],
    *,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where the run folder is made.")] = Path("results"),
) -> None:
    """Make one run folder from the folders that the workers of a run kept, with or without the master's.

    Example: tailgate collect worker-1/chat-20260102T030405Z worker-2/chat-20260102T030405Z
    """
    from analysis.commands.collect import collect_folders

    raise typer.Exit(collect_folders(folders, results))


@app.command("import")
def import_(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="What `locust --csv` was given.", show_default=False)],
    *,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where run folders are made.")] = Path("results"),
    slo: Annotated[
        list[str] | None, typer.Option(metavar="LINE", help="An objective, such as 'p95(service_time_ms) < 800'.")
    ] = None,
) -> None:
    """Make a run folder and a report from the CSV files of any Locust run; the exit code is the verdict's.

    Each percentile comes with its bucket's error and n. What Locust's files do not hold is named.

    Example: tailgate import results/load --slo "p95(service_time_ms) < 800"
    """
    from analysis.commands.import_csv import import_csv

    raise typer.Exit(import_csv(prefix, results, slo or ()))


app.command()(several.matrix)
app.command()(several.dashboard)


@app.command()
def schema(
    of: Annotated[
        str, typer.Argument(metavar="[OF]", help="scenario (the default), report, compare, matrix or dashboard.")
    ] = "scenario",
) -> None:
    """Print the JSON Schema of the scenario file, for editors, or of a file that Tailgate writes.

    Example: tailgate schema > tailgate.schema.json
    """
    from analysis.commands.schema import print_schema

    raise typer.Exit(print_schema(of))


def main() -> NoReturn:
    """Run the command line. A problem is one line on standard error and an exit code, never a traceback."""
    try:
        code = app(standalone_mode=False)
    except TailgateError as error:
        code = _fail(error, str(error), error.code)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader (`| head`) has gone, and the interpreter's own complaint would follow
        code = ExitCode.INTERNAL_ERROR
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
