"""The CI recipes' very commands, in a fresh checkout, as a runner would give them to its shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.commands.report import EXIT_CODES

ROOT = Path(__file__).parents[2]
CI = ROOT / "docker" / "ci"
SCENARIO = """
endpoints: {small: {simulated: {ttft: 50ms, tokens_per_second: 200, output_tokens: 10}, prices: {input: 1, output: 2}}}
traffic: {users: 3, ramp: 0s, warm_up: 1s, steady: 10s, think_time: 100ms}
slo: [p50(ttft_ms) < 2s]
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of what a checkout holds, with a scenario of a few seconds."""
    folder = tmp_path_factory.mktemp("fresh") / "checkout"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", ".venv", "results", "__pycache__", ".*_cache"))
    (folder / "short.yaml").write_text(SCENARIO)
    return folder


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner does; `python3` is the one that runs the tests."""
    path = f"{Path(sys.executable).resolve().parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "SCENARIO": "short.yaml", **environment},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )


def newest(folder: Path) -> Path:
    """Give the newest run folder."""
    return max((folder / "results").iterdir(), key=lambda path: path.stat().st_mtime)


def test_githubs_steps(checkout: Path, tmp_path: Path) -> None:
    """Install, plan, load, judge against a baseline, show: each ends as the run's verdict says it should."""
    workflow: Any = yaml.safe_load((CI / "github.yml").read_text(encoding="utf-8"))
    install, plan, run, judge, show = (s["run"] for s in workflow["jobs"]["load"]["steps"] if "run" in s)
    for command in (install, plan):
        done = shell(command, checkout)
        assert (done.returncode, done.stderr if done.returncode else "") == (0, "")
    codes = [shell(command, checkout).returncode for command in (run, judge)]
    report = json.loads((newest(checkout) / "report.json").read_text())
    # A busy machine may make the run invalid. The first run has no baseline, which is let through.
    assert codes == [EXIT_CODES[report["verdict"]], 0 if report["verdict"] == "pass" else 5]
    summary = tmp_path / "summary.md"
    assert shell(show, checkout, GITHUB_STEP_SUMMARY=str(summary)).returncode == 0
    assert summary.read_text() == (newest(checkout) / "report.md").read_text()


def test_gitlabs_last_steps(checkout: Path) -> None:
    """The commands before are GitHub's; the newest run's JUnit file comes to where the artefact is sought."""
    job: Any = yaml.safe_load((CI / "gitlab.yml").read_text(encoding="utf-8"))["load"]
    (collect,) = job["after_script"]
    assert shell(collect, checkout).returncode == 0
    found = (checkout / job["artifacts"]["reports"]["junit"]).read_bytes()
    assert found == (newest(checkout) / "junit.xml").read_bytes()
