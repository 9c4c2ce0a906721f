"""JSON Schemas of what Tailgate writes for machines, made from the models that it writes them with."""

from __future__ import annotations

from typing import Any

from analysis.comparing.comparison import COMPARISON_SCHEMA_VERSION, Comparison
from analysis.evaluation import EVALUATION_SCHEMA_VERSION, Evaluation
from analysis.model import REPORT_SCHEMA_VERSION, Frozen, Report
from analysis.selecting.selection import SELECTION_SCHEMA_VERSION, Matrix
from analysis.trends.trend import DASHBOARD_SCHEMA_VERSION, Dashboard

MODELS: dict[str, tuple[type[Frozen], int]] = {
    "report": (Report, REPORT_SCHEMA_VERSION),
    "compare": (Comparison, COMPARISON_SCHEMA_VERSION),
    "matrix": (Matrix, SELECTION_SCHEMA_VERSION),
    "dashboard": (Dashboard, DASHBOARD_SCHEMA_VERSION),
    "eval": (Evaluation, EVALUATION_SCHEMA_VERSION),
}
"""By the stem of the file that each describes, such as report.json."""

NUMBER = ["number", "null"]


def schema_of(name: str) -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of `<name>.json`, of the version that this Tailgate writes."""
    model, version = MODELS[name]
    schema = model.model_json_schema(mode="serialization")
    schema["properties"]["schema_version"] = {"const": version}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_finite(schema),
        "title": f"Tailgate {name}.json, version {version}",
    }


def _finite(schema: Any) -> Any:
    """Let numbers be null: JSON has neither NaN nor infinity, and they are written so."""
    if isinstance(schema, list):
        return [_finite(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: NUMBER if (key, item) == ("type", "number") else _finite(item) for key, item in schema.items()}
