"""A generator that is starved of CPU says so: first in the report, in run.json, and by the gate's exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

SCENARIO = """
name: starved
endpoints: {it: {simulated: {ttft: 50ms, tokens_per_second: 100, output_tokens: 40}}}
traffic: {users: 20, ramp: 1s, warm_up: 0s, steady: 8s, drain: 5s, think_time: 100ms}
slo: [p50(ttft_ms) < 60000]
"""
TAILGATE = (sys.executable, "-m", "analysis.cli")
HOG = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
while True:
    pass
"""
START_S, STARVED_S, END_S = 60.0, 6.0, 120.0


@pytest.fixture(scope="module")
def starved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Run; when there are rows, let a hog of higher priority have the core; give the run folder and the exit code."""
    folder = tmp_path_factory.mktemp("starved")
    (folder / "starved.yaml").write_text(SCENARIO, encoding="utf-8")
    run = subprocess.Popen([*TAILGATE, "run", "starved.yaml"], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        generator = generator_of(run, folder)
        core = min(os.sched_getaffinity(0))
        generator.nice(19)
        generator.cpu_affinity([core])
        with subprocess.Popen([sys.executable, "-c", HOG, str(core)]) as hog:
            time.sleep(STARVED_S)
            hog.kill()
        generator.cpu_affinity([])
        code = run.wait(END_S)
    finally:
        run.kill()
    (found,) = (folder / "results").glob("starved-*")
    return found, code


def generator_of(run: subprocess.Popen[bytes], folder: Path) -> psutil.Process:
    """Give the process with the users, as soon as it has written rows."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if any(path.read_text().count("\n") > 1 for path in folder.glob("results/starved-*/attempts-*.csv")):
            return next(one for one in psutil.Process(run.pid).children() if "locust" in " ".join(one.cmdline()))
        time.sleep(0.1)
    raise AssertionError("the run has no rows")


def test_gate(starved: tuple[Path, int]) -> None:
    """The run ends with 5, and so does the gate by itself, though the SLO is kept."""
    folder, code = starved
    gate = subprocess.run([*TAILGATE, "gate", folder], capture_output=True, text=True, timeout=END_S, check=False)
    assert (code, gate.returncode, "INVALID" in gate.stdout.upper()) == (5, 5, True)


def test_run_says_why(starved: tuple[Path, int]) -> None:
    """Its own verdict names worker, endpoint and lateness; the phase holds the figure."""
    document = json.loads((starved[0] / "run.json").read_text(encoding="utf-8"))
    (worker,) = document["workers"]
    (steady,) = [phase for phase in worker["phases"] if phase["phase"] == "steady"]
    assert document["validity"]["verdict"] == "invalid"
    assert any("event loop under it was late" in reason for reason in document["validity"]["reasons"])
    assert steady["loop_lag_p99_s"] > 0.1


def test_report_opens_with_it(starved: tuple[Path, int]) -> None:
    """The first line below the title says that the run is invalid, before any figure."""
    lines = [line for line in (starved[0] / "report.md").read_text(encoding="utf-8").splitlines() if line.strip()]
    assert "invalid" in lines[0].lower() + lines[1].lower()
