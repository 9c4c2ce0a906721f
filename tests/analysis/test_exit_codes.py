"""The exit codes that CI obeys, each from a run folder that earns it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from synthetic import BASE, Plan, write_run

import analysis.report
from analysis import cli

PLAN = Plan(models=(BASE,), turns=800, steady_s=300, slo=("p95(ttft_ms) < 800",))
BROKEN = replace(BASE, failed_share=1.0)


def plan(**changes: Any) -> Callable[[Path], None]:
    """Give what writes a run that differs from one that passes."""
    return lambda folder: write_run(folder, replace(PLAN, **changes))


def with_meta(**changes: Any) -> Callable[[Path], None]:
    """Give what writes a run that passes but for its run.json."""

    def write(folder: Path) -> None:
        write_run(folder, PLAN)
        path = folder / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return write


def without(name: str) -> Callable[[Path], None]:
    """Give what writes a run that passes but for a file that is gone."""

    def write(folder: Path) -> None:
        write_run(folder, PLAN)
        (folder / name).unlink()

    return write


def file_instead(folder: Path) -> None:
    """Put a file where the folder was."""
    folder.rmdir()
    folder.touch()


CASES: dict[str, tuple[int, Callable[[Path], None], tuple[str, ...]]] = {
    "every line is kept": (0, plan(), ()),
    "open, and let through by name": (0, plan(slo=("accuracy >= 0.85",)), ("--on-inconclusive", "warn")),
    "no such folder": (2, shutil.rmtree, ()),
    "a file, not a folder": (2, file_instead, ()),
    "an empty folder": (2, lambda _: None, ()),
    "no such baseline": (2, plan(), ("--baseline", "gone")),
    "an option's value that there is not": (2, plan(), ("--on-inconclusive", "ignore")),
    "an option that there is not": (2, plan(), ("--nonsense",)),
    "the baseline is the run itself": (2, plan(), ("--baseline", "run")),
    "another schema": (2, with_meta(schema_version=99), ()),
    "a line is broken": (3, plan(slo=("p95(ttft_ms) < 800", "p95(ttft_ms) < 100")), ()),
    "broken and open at once": (3, plan(slo=("accuracy >= 0.85", "p95(ttft_ms) < 100")), ()),
    "broken is not let through": (3, plan(slo=("p95(ttft_ms) < 100",)), ("--on-inconclusive", "warn")),
    "most turns failed": (3, plan(models=(replace(BASE, failed_share=0.5),)), ()),
    "too few turns": (4, plan(turns=30), ()),
    "not one turn was answered": (4, plan(models=(BROKEN,), slo=()), ()),
    "no graded answers": (4, plan(slo=("accuracy >= 0.85",)), ()),
    "about an endpoint that was not loaded": (4, plan(slo=("p95(ttft_ms) < 800 where endpoint=huge",)), ()),
    "relative, without a baseline": (4, plan(slo=("p95(ttft_ms) <= 1.1 x baseline",)), ()),
    "the first run has no earlier one": (4, plan(), ("--baseline", "latest")),
    "a line that nobody can read": (4, plan(slo=("p95(ttft_ms) < 800", "nonsense")), ()),
    "an endpoint that was never reached": (4, with_meta(users={"small": 5, "large": 5}), ()),
    "the generator was the bottleneck": (5, plan(healthy=False), ()),
    "invalid is not let through": (5, plan(healthy=False), ("--on-inconclusive", "warn")),
    "invalid though a line is broken": (5, plan(healthy=False, slo=("p95(ttft_ms) < 100",)), ()),
    "interrupted": (5, plan(interrupted=True), ()),
    "no run.json": (5, without("run.json"), ()),
    "no rows": (5, without("attempts.csv"), ()),
}


def gate(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run `tailgate gate` in this process and give its exit code."""
    monkeypatch.setattr("sys.argv", ["tailgate", "gate", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("case", CASES)
def test_the_gates_exit_code(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each state of a run has its code, says why, and shows no traceback."""
    code, write, options = CASES[case]
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    write(folder)
    assert (code, gate(monkeypatch, str(folder), *options)) == (code, code)
    said = capsys.readouterr()
    assert ("Traceback" in said.err, bool(said.err) == (code == 2)) == (False, True)
    if code != 2:
        assert said.out.splitlines()[-1].startswith(
            ("pass: ", "fail: ", "inconclusive: ", "invalid: ", "warning: inconclusive is let through")
        )


def test_a_defect_is_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of Tailgate's own is never a verdict."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    write_run(tmp_path, PLAN)
    monkeypatch.setattr(analysis.report, "build", broken)
    assert gate(monkeypatch, str(tmp_path)) == 1
    assert "the rows are kept" in capsys.readouterr().err
