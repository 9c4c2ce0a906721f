"""`tailgate eval`: a rubric alone, on a run's answers or on a file of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from graded import write_graded
from synthetic import Plan

import scenarios
from analysis.evaluation import Agreement, evaluate_file, evaluate_run
from scenarios.errors import TailgateError
from scenarios.rubric import Rubric

Tailgate = Callable[..., subprocess.CompletedProcess[str]]
LABELLED = Path(scenarios.__file__).parent / "rubrics" / "labelled.jsonl"
PLAN = Plan(turns=600, slo=("p95(ttft_ms) < 1", "accuracy >= 0.99"))


def test_rubric_and_people_agree() -> None:
    """Of 112 answers that ship with a person's label, the rubric calls 109 the same; the three others are known."""
    found = evaluate_file(LABELLED, None, ())
    apart = {"right, hallucinated": 1, "right, unsafe": 1, "terse, wrong": 1}
    assert found.agreement == Agreement(labelled=112, agreed=109, apart=apart)


def test_a_run_is_graded_as_in_its_report(tmp_path: Path, tailgate: Tailgate) -> None:
    """The table has the counts, the objectives on quality alone are held, and the exit code is theirs."""
    said = write_graded(tmp_path, PLAN, {"right": 0.5, "wrong": 0.5})
    done = tailgate("eval", str(tmp_path), "--json")
    found = json.loads(done.stdout)
    (row,) = found["quality"]["endpoints"]
    assert (row["verdicts"]["right"], row["verdicts"]["wrong"]) == (said["small", "right"], said["small", "wrong"])
    assert ([line["line"] for line in found["slo"]], done.returncode) == (["accuracy >= 0.99"], 3)
    words = tailgate("eval", str(tmp_path), "--slo", "wrong_share < 0.1%").stdout
    assert "Answers that are wrong" in words
    assert "fail: small breaks wrong_share < 0.1%" in words


def test_another_rubric_grades_the_same_answers_anew(tmp_path: Path) -> None:
    """What a case expects can be mended after the run."""
    write_graded(tmp_path, PLAN, {"right": 1.0})
    mended = Rubric.model_validate({"cases": {f"case-{number}": {"facts": ["omega"]} for number in range(5)}})
    (before,), (after,) = (evaluate_run(tmp_path, rubric, ()).quality.endpoints for rubric in (None, mended))
    assert (before.verdicts["right"], after.verdicts["right"]) == (before.graded, 0)
    assert after.verdicts["wrong"] == before.graded


def test_answers_of_a_run_alone(tmp_path: Path) -> None:
    """answers.jsonl is graded by what the run.json beside it expects."""
    write_graded(tmp_path, PLAN, {"right": 1.0})
    (row,) = evaluate_file(tmp_path / "answers.jsonl", None, ()).quality.endpoints
    assert row.verdicts["right"] == row.graded > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["answers.jsonl"], "of 1 answers none is of a case that says what it expects"),
        (["answers.jsonl", "--rubric", "none.yaml"], "none.yaml:1:1: there is no such file"),
        (["answers.jsonl", "--rubric", "bad.yaml"], "bad.yaml:1:1: refusal is not a known key: did you mean refusals?"),
        (["answers.jsonl", "--slo", "p95(ttft_ms) < 1"], "is not about answers: write a line such as accuracy >= 0.85"),
        (["answers.jsonl", "--slo", "acuracy > 1%"], "did you mean accuracy?"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, tailgate: Tailgate, arguments: list[str], said: str) -> None:
    """What cannot be graded is said in a line, exit code 2."""
    (tmp_path / "answers.jsonl").write_text('{"case_id": "x", "answer": "y"}\n', encoding="utf-8")
    (tmp_path / "bad.yaml").write_text("refusal: []\n", encoding="utf-8")
    done = tailgate("eval", *arguments)
    assert (done.returncode, done.stderr.count("\n"), said in done.stderr) == (2, 1, True), done.stderr


def test_hostile_answers_stay_text(tmp_path: Path, tailgate: Tailgate) -> None:
    """Escapes of terminals do not reach one."""
    line = {"case_id": "x", "answer": "\x1b[31mred\x07 <script>alert(1)</script>", "expect": {"facts": ["blue"]}}
    (tmp_path / "answers.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    done = tailgate("eval", "answers.jsonl")
    assert (done.returncode, "\x1b" in done.stdout, "\x07" in done.stdout) == (0, False, False)


def test_nothing_expected_in_a_run(tmp_path: Path) -> None:
    """A run whose cases expect nothing is not graded, and how to change that is said."""
    write_graded(tmp_path, PLAN, {"right": 1.0})
    meta = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    (tmp_path / "run.json").write_text(json.dumps({**meta, "scenario": {}}), encoding="utf-8")
    with pytest.raises(TailgateError, match="no case says what it expects"):
        evaluate_run(tmp_path, None, ())
