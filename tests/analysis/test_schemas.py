"""The JSON Schemas that ship: they are those of the models, and what is written passes them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml
from synthetic import LARGE, Plan, write_run

import scenarios
from analysis import written as schemas
from analysis.comparing.compare import compare
from analysis.comparing.side import Wanted, known
from analysis.model import Report
from analysis.render.compare import to_json as compare_json
from analysis.render.files import to_json
from analysis.render.matrix import to_json as matrix_json
from analysis.report import build
from analysis.selecting.matrix import matrix

Tailgate = Callable[..., subprocess.CompletedProcess[str]]
GOLDEN = Path(__file__).parent / "golden"
SHIPPED = Path(schemas.__file__).parent / "schemas"


@pytest.mark.parametrize("name", schemas.MODELS)
def test_the_shipped_schema_is_the_models(name: str) -> None:
    """Out of date? tailgate schema NAME > analysis/schemas/NAME.schema.json."""
    shipped = json.loads((SHIPPED / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(shipped)
    assert shipped == json.loads(json.dumps(schemas.schema_of(name)))


@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_stored_reports_pass(name: str) -> None:
    """Reports with everything in them are described."""
    report = Report.model_validate_json((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert wrong(to_json(report), "report") == []


def test_what_is_written_passes(tmp_path: Path) -> None:
    """So are a computed report, a comparison and a matrix."""
    write_run(tmp_path, Plan(models=(LARGE,), turns=300))
    assert wrong(to_json(build(tmp_path)), "report") == []
    runs = [known(Wanted(tmp_path))]
    assert wrong(compare_json(compare(runs, runs)), "compare") == []
    assert wrong(matrix_json(matrix(runs)), "matrix") == []


def wrong(text: str, name: str) -> list[str]:
    """Say what of a document is not as its schema has it."""
    validator = jsonschema.Draft202012Validator(schemas.schema_of(name))
    return [error.message for error in validator.iter_errors(json.loads(text))]


def test_the_command_prints_each(tailgate: Tailgate) -> None:
    """`schema report` describes report.json; what there is none of is a usage error."""
    assert json.loads(tailgate("schema", "report").stdout)["title"] == "Tailgate report.json, version 1"
    done = tailgate("schema", "rows")
    assert (done.returncode, "write one of scenario, rubric, report" in done.stderr) == (2, True)


def test_a_rubric_has_a_schema_and_the_shipped_one_passes(tailgate: Tailgate) -> None:
    """Editors can complete and check a rubric."""
    described = json.loads(tailgate("schema", "rubric").stdout)
    shipped = yaml.safe_load((Path(scenarios.__file__).parent / "rubrics" / "chat.yaml").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(described).validate({**shipped, "cases": {"a": {"facts": ["x", 5, ["y", "z"]]}}})
    assert not jsonschema.Draft202012Validator(described).is_valid({"refusal": []})
