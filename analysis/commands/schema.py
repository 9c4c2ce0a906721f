"""`tailgate schema`: the JSON Schema of the scenario file, or of a file that Tailgate writes."""

from __future__ import annotations

import json
from typing import Any

import typer

from scenarios.errors import ExitCode, TailgateError


def print_schema(of: str) -> ExitCode:
    """Print one schema. Raises TailgateError for what there is none of."""
    typer.echo(json.dumps(_schema(of), indent=2))
    return ExitCode.PASS


def _schema(of: str) -> dict[str, Any]:
    if of == "scenario":
        from scenarios.scenario import json_schema

        return json_schema()
    if of == "rubric":
        from scenarios.editor_schema import for_editors
        from scenarios.rubric import Rubric

        return for_editors(Rubric, "Tailgate rubric")
    from analysis.written import MODELS, schema_of

    if of not in MODELS:
        raise TailgateError(f"schema {of}: there is none; write one of scenario, rubric, {', '.join(MODELS)}")
    return schema_of(of)
