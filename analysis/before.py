"""Commands that come before a run, as the command line offers them. Imports stay light here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ScenarioFile = Annotated[Path, typer.Argument(metavar="FILE", help="The scenario, a YAML file.", show_default=False)]


def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.")] = Path("chat.yaml"),
    *,
    url: Annotated[str | None, typer.Option(metavar="URL", help="A real endpoint; else it is simulated.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Its model.")] = None,
    key_env: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="The NAME of the variable that holds its key.")
    ] = None,
) -> None:
    """Write a first scenario, ready to check and run.

    Example: tailgate init chat.yaml --url https://api.example.com/v1 --model gpt-5 --key-env OPENAI_API_KEY
    """
    from analysis.commands.init import write_scenario

    raise typer.Exit(write_scenario(file, url, model, key_env))


def check(
    file: ScenarioFile,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Workers that would share the load.")] = 1,
) -> None:
    """Validate a scenario and show its plan and its cost.

    Phases, requests, tokens, dollars, the samples that its SLO lines need, and the workers that its load needs. Nothing
    is sent.

    Example: tailgate check chat.yaml --workers 4
    """
    from analysis.commands.check import check_scenario

    raise typer.Exit(check_scenario(file, workers))


def probe(file: ScenarioFile) -> None:
    """Send one request to each endpoint and say what is wrong.

    Exit code 5 when an endpoint cannot be used.

    Example: tailgate probe chat.yaml
    """
    from analysis.commands.probe import probe_scenario

    raise typer.Exit(probe_scenario(file))


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


def schema(
    of: Annotated[
        str,
        typer.Argument(
            metavar="[OF]", help="scenario (the default), rubric, report, compare, matrix, eval, dashboard."
        ),
    ] = "scenario",
) -> None:
    """Print the JSON Schema of a scenario file or a report.

    Example: tailgate schema > tailgate.schema.json
    """
    from analysis.commands.schema import print_schema

    raise typer.Exit(print_schema(of))
