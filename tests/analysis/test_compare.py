"""Comparisons from run folders to words, files and exit codes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from junitparser import JUnitXml
from synthetic import BASE, LARGE, Model, Plan, write_run

from analysis.comparing.compare import DEFAULT, compare
from analysis.comparing.comparison import Comparison, Contrast
from analysis.comparing.side import known, wanted
from analysis.render.compare import html, to_json, to_markdown, write_all
from analysis.render.junit_compare import to_junit
from analysis.report import build
from analysis.selecting.matrix import matrix
from scenarios.distribution import Distribution
from scenarios.errors import TailgateError
from scenarios.slo import parse_margin

Tailgate = Callable[..., subprocess.CompletedProcess[str]]
SLOWER = replace(BASE, ttft=Distribution.of(0.18, 0.6))


def run(folder: Path, seed: int, *models: Model, healthy: bool = True, **scenario: object) -> Path:
    """Write a run, with these keys in its scenario."""
    write_run(folder, Plan(seed=seed, models=models or (BASE,), turns=2000, steady_s=600, healthy=healthy))
    path = folder / "run.json"
    meta = json.loads(path.read_text())
    meta["scenario"].update(scenario)
    path.write_text(json.dumps(meta))
    return folder


def compared(base: str, candidate: str, *margins: str) -> Comparison:
    """Compare as the command does."""
    sides = [[known(want) for want in wanted([side])] for side in (base, candidate)]
    return compare(*sides, [parse_margin(text) for text in margins])


def contrast(comparison: Comparison, name: str, statistic: str = "") -> Contrast:
    """Give one figure of the first pair."""
    return next(one for one in comparison.pairs[0].contrasts if (one.name, one.statistic) == (name, statistic))


def test_a_slower_candidate_fails_its_margin(tmp_path: Path) -> None:
    """The scenario's own line is held; the conclusion names it, and what did not move."""
    run(tmp_path / "a", 1)
    run(tmp_path / "b", 2, SLOWER, compare=["p95(ttft_ms) <= 1.10"])
    found = compared(f"{tmp_path}/a", f"{tmp_path}/b")
    assert [(line.line, line.verdict) for line in found.lines] == [("p95(ttft_ms) <= 1.10", "fail")]
    assert found.conclusion.startswith("FAIL: the candidate breaks 1 of 1 margins. small breaks p95(ttft_ms) <= 1.10")
    assert contrast(found, "ttft_ms", "p95").seen == "higher"
    assert contrast(found, "cost_per_1k_responses_usd").seen == "no difference shown"


def test_the_same_model_twice_breaks_nothing(tmp_path: Path) -> None:
    """Without margins in the scenario the default ones are held, and that is said."""
    run(tmp_path / "a", 1)
    run(tmp_path / "b", 2)
    found = compared(f"{tmp_path}/a", f"{tmp_path}/b")
    assert ([line.line for line in found.lines], "fail" in {line.verdict for line in found.lines}) == (
        list(DEFAULT),
        False,
    )
    assert any("default margins" in note for note in found.notes)


def test_longer_answers_are_named(tmp_path: Path) -> None:
    """A candidate that talks twice as much is compared per output token too."""
    run(tmp_path / "a", 1)
    run(tmp_path / "b", 2, replace(BASE, output_tokens=Distribution.of(240, 800)))
    found = compared(f"{tmp_path}/a", f"{tmp_path}/b")
    remark = next(text for text in found.pairs[0].remarks if "longer" in text)
    assert ("not like for like" in remark, "per output token" in remark) == (True, True)


def test_different_endpoints_side_by_side(tmp_path: Path) -> None:
    """RUN:ENDPOINT chooses one; the pair is named after both, and unlike prices are named."""
    run(tmp_path / "a", 1, LARGE, BASE)
    found = compared(f"{tmp_path}/a:large", f"{tmp_path}/a:small", "p95(ttft_ms) <= 1")
    assert ([pair.name for pair in found.pairs], found.verdict) == (["large → small"], "pass")
    assert any("prices differ" in text for text in found.pairs[0].remarks)


def test_what_is_on_one_side_alone_is_named(tmp_path: Path) -> None:
    """Endpoints of the same name are compared, others noted; nothing in common is an error that says what to write."""
    run(tmp_path / "a", 1, LARGE, BASE)
    run(tmp_path / "b", 2, BASE)
    run(tmp_path / "c", 3, LARGE, replace(BASE, name="other"))
    found = compared(f"{tmp_path}/a", f"{tmp_path}/b")
    assert ([pair.name for pair in found.pairs], "only in the base, so not compared: large" in found.notes) == (
        ["small"],
        True,
    )
    with pytest.raises(TailgateError, match="BASE:ENDPOINT"):
        compared(f"{tmp_path}/c:other", f"{tmp_path}/a")


def test_several_runs_per_side(tmp_path: Path) -> None:
    """The run is the unit: its figures are means of runs."""
    for number in range(6):
        run(tmp_path / str(number), number, BASE if number < 3 else SLOWER)
    base, candidate = (",".join(f"{tmp_path}/{k}" for k in ks) for ks in ((0, 1, 2), (3, 4, 5)))
    found = compared(base, candidate, "p95(ttft_ms) <= 1.10")
    figure = contrast(found, "ttft_ms", "p95")
    assert (found.verdict, figure.base.n, len(found.base)) == ("fail", 3, 3)  # type: ignore[union-attr]


def in_turns(folder: Path) -> Path:
    """Write a run of two arms that take turns, 30 s each; what an arm begins in its turn is its own."""
    write_run(folder, Plan(turns=4000, steady_s=600, turns_per_conversation=1))
    path = folder / "attempts.csv"
    frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    turn = (frame["intended_s"].astype(float) // 30).astype(int)
    frame["arm"] = np.where(turn % 2, "one", "two")
    frame.to_csv(path, index=False, lineterminator="\n")
    meta = json.loads((folder / "run.json").read_text())
    meta["phases"] = [
        {"endpoint": "small", "arm": ("two", "one")[k % 2], "phase": "steady", "start_s": 30 * k, "end_s": 30 * (k + 1)}
        for k in range(1, 21)
    ]
    (folder / "run.json").write_text(json.dumps(meta))
    return folder


def test_arms_that_take_turns(tmp_path: Path) -> None:
    """They are compared over the stretches of time that they share, at the rate of their own time."""
    folder = in_turns(tmp_path / "a")
    found = compared(f"{folder}:small/one", f"{folder}:small/two", "p95(ttft_ms) <= 1.5")
    rate = contrast(found, "turns_per_second")
    assert any("stretches of time" in note for note in found.notes)
    assert (rate.base.value, rate.candidate.value) == (pytest.approx(20 / 3, rel=0.02),) * 2  # type: ignore[union-attr]
    assert found.verdict == "pass"
    assert [len(span.pauses) for span in build(folder).phases if span.phase == "steady"] == [9, 9]


def test_an_invalid_run_decides_nothing(tmp_path: Path) -> None:
    """One side's bottleneck in the generator makes the comparison invalid."""
    run(tmp_path / "a", 1)
    run(tmp_path / "b", 2, healthy=False)
    assert compared(f"{tmp_path}/a", f"{tmp_path}/b").verdict == "invalid"


def test_a_line_that_cannot_be_read_is_no_pass(tmp_path: Path) -> None:
    """A margin of run.json that nobody understands is inconclusive."""
    run(tmp_path / "a", 1)
    run(tmp_path / "b", 2, compare=["p50(ttft_ms) <= 2", "speed <= 1"])
    found = compared(f"{tmp_path}/a", f"{tmp_path}/b")
    assert ([line.verdict for line in found.lines], found.verdict) == (["pass", "inconclusive"], "inconclusive")


def test_same_runs_same_bytes(tmp_path: Path) -> None:
    """Two comparisons give the same files."""
    run(tmp_path / "a", 1)
    run(tmp_path / "b", 2)
    files = [
        [path.read_bytes() for path in write_all(compared(f"{tmp_path}/a", f"{tmp_path}/b"), tmp_path)]
        for _ in range(2)
    ]
    assert files[0] == files[1]


def test_junit_has_a_case_per_margin(tmp_path: Path) -> None:
    """Broken, open and kept margins are told apart; invalid runs decide none."""
    run(tmp_path / "a", 1)
    run(tmp_path / "b", 2, SLOWER, compare=["p50(ttft_ms) <= 1.10", "p50(ttft_ms) <= 2", "p99.9(ttft_ms) <= 2"])
    run(tmp_path / "c", 3, healthy=False)
    kinds = [
        [case.result[0].type if case.result else "" for suite in JUnitXml.fromstring(to_junit(found)) for case in suite]
        for found in (compared(f"{tmp_path}/a", f"{tmp_path}/b"), compared(f"{tmp_path}/a", f"{tmp_path}/c"))
    ]
    assert kinds == [["", "margin.broken", "", "margin.inconclusive"], ["run.invalid"] * 5]


def test_nothing_that_goes_in_is_changed(tmp_path: Path) -> None:
    """The frames of both sides are the same after a comparison and a matrix."""
    sides = [known(wanted([str(run(tmp_path / name, seed, LARGE))])[0]) for seed, name in enumerate("ab")]
    frames = [entry.part.turns for side in sides for entry in side.entries.values()]
    before = [frame.copy(deep=True) for frame in frames]
    compare(sides[:1], sides[1:])
    matrix(sides)
    for old, new in zip(before, frames, strict=True):
        pd.testing.assert_frame_equal(old, new)


def test_names_stay_text(tmp_path: Path) -> None:
    """Markup in a folder's name is shown, not obeyed; the JSON reads back."""
    run(tmp_path / "a", 1)
    evil = tmp_path / "<script>alert(1)<br>|x"
    run(evil, 2)
    found = compared(f"{tmp_path}/a", str(evil))
    assert ("<script>alert" in html(found), "<script>" in to_markdown(found).replace("`<script>", "")) == (False, False)
    assert Comparison.model_validate_json(to_json(found)) == found


def test_the_command(tailgate: Tailgate, tmp_path: Path) -> None:
    """`compare` prints the conclusion, writes its files beside the candidate and exits with the verdict's code."""
    run(tmp_path / "a", 1)
    run(tmp_path / "b", 2, SLOWER)
    done = tailgate("compare", "a", "b", "--margin", "p95(ttft_ms) <= 1.10")
    files = sorted(path.name for path in (tmp_path / "b").glob("compare.*"))
    assert (done.returncode, files, "fail: small breaks" in done.stdout) == (
        3,
        ["compare.html", "compare.json", "compare.junit.xml", "compare.md"],
        True,
    )
    as_json = tailgate("compare", "a", "b", "--margin", "p95(ttft_ms) <= 3", "--output", "elsewhere", "--json")
    assert (as_json.returncode, json.loads(as_json.stdout)["verdict"]) == (0, "pass")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a", "absent"), "absent: no such run folder"),
        (("a:x", "a"), "no steady phase of x; there are small"),
        (("a", "a", "--margin", "p95(ttft_ms) <= 50ms"), "--margin: '50ms' is no margin for ttft_ms"),
    ],
)
def test_usage_errors(tailgate: Tailgate, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """What is wrong is one line, exit code 2."""
    run(tmp_path / "a", 1)
    done = tailgate("compare", *arguments)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (2, True, False)
