"""`tailgate init`: a first scenario, ready to be checked and run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import typer

from scenarios.errors import ExitCode, ScenarioError, TailgateError

TEMPLATE = "first.yaml"
ENDPOINT = re.compile(r"(?<=^  candidate:\n)(?:    .*\n)+", re.MULTILINE)
"""What stands under the template's only endpoint."""


def write_scenario(file: Path, url: str | None, model: str | None, key_env: str | None) -> ExitCode:
    """Write the shipped first scenario to `file`, of a simulated endpoint or the one named. Raises TailgateError."""
    if url is None and (model or key_env):
        raise TailgateError(
            "--model and --key-env are of a real endpoint: add --url, such as https://api.example.com/v1"
        )
    if file.suffix not in {".yaml", ".yml"}:
        raise TailgateError(f"{file}: a scenario's name ends in .yaml: write tailgate init {file}.yaml")
    text = _text(file, url, model, key_env)
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise TailgateError(f"{file}: is there already, and is left as it is: name another file") from None
    except OSError as error:
        raise TailgateError(f"{file}: cannot be written: {error.strerror or error}") from error
    _refuse_what_does_not_load(file)
    typer.echo(f"Wrote {file}.")
    if key_env:
        typer.echo(f"Its key is read from the environment: export {key_env}=...")
    command = "tailgate probe {0} && tailgate run {0}" if url else "tailgate check {0} && tailgate run {0}"
    typer.echo(f"Next: {command.format(shlex.quote(str(file)))}")
    return ExitCode.PASS


def _text(file: Path, url: str | None, model: str | None, key_env: str | None) -> str:
    from scenarios.source import SHIPPED

    text = (SHIPPED / TEMPLATE).read_text(encoding="utf-8").replace(f"scenarios/{TEMPLATE}", str(file))
    if url is None:
        return text
    named = {"url": url, "model": model, "key_env": key_env}
    lines = (f"    {key}: {json.dumps(value)}\n" for key, value in named.items() if value)
    return ENDPOINT.sub(lambda _: "".join(lines), text)


def _refuse_what_does_not_load(file: Path) -> None:
    from scenarios.scenario import load

    try:
        load(file, check_env=False)
    except ScenarioError as error:
        file.unlink()
        raise TailgateError(str(error)) from None
