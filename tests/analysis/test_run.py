"""`tailgate run` from the command to the exit code, against simulated endpoints on real sockets."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.commands.report import EXIT_CODES, rows_kept
from scenarios.errors import ExitCode, TailgateError

Tailgate = Callable[..., subprocess.CompletedProcess[str]]

SCENARIO = """
endpoints:
  small: {simulated: {ttft: 200ms, tokens_per_second: 100, output_tokens: 10}, prices: {input: 1, output: 2}}
traffic: {users: 3, ramp: 0s, warm_up: 0s, steady: %s, think_time: 100ms}
slo: [p50(ttft_ms) < 1]
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Give the run folder of one short run, and what the command printed."""
    home = tmp_path_factory.mktemp("run home")
    (home / "short.yaml").write_text(SCENARIO % "4s")
    command = [sys.executable, "-m", "analysis.cli", "run", "short.yaml", "--results", "kept here", "--users", "4"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False)
    (folder,) = (home / "kept here").iterdir()
    return folder, done


def test_run_reports_and_exits_with_the_verdict(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """After the load there is every report, its path is printed, and the exit code is the verdict's."""
    folder, done = finished
    report = json.loads((folder / "report.json").read_text())
    present = [name for name in ("report.html", "report.md", "junit.xml", "attempts.csv") if (folder / name).is_file()]
    assert (present, str(folder / "report.html") in done.stdout) == (
        ["report.html", "report.md", "junit.xml", "attempts.csv"],
        True,
    )
    # A busy machine may make the run invalid; then that is its verdict.
    assert done.returncode == EXIT_CODES[report["verdict"]] in {3, 5}


def test_locust_options_reach_locust(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """`--users 4` stands for the scenario's users, and run.json tells the command as typed."""
    folder, _ = finished
    with (folder / "attempts.csv").open(newline="") as file:
        users = {row["user_id"] for row in csv.DictReader(file)}
    command = json.loads((folder / "run.json").read_text())["command"]
    assert (len(users), command[0], command[-2:]) == (4, "tailgate run", ["--users", "4"])


def test_gate_and_report_agree_with_the_run(
    finished: tuple[Path, subprocess.CompletedProcess[str]], tailgate: Tailgate
) -> None:
    """`gate` gives the run's exit code and the reason; `report` makes the deleted files anew and exits with 0."""
    folder, done = finished
    before = (folder / "report.json").read_bytes()
    (folder / "report.json").unlink()
    (folder / "report.html").unlink()
    gate, again = tailgate("gate", folder), tailgate("report", folder)
    assert (gate.returncode, "fail: small breaks p50(ttft_ms) < 1 with " in gate.stdout) == (done.returncode, True)
    assert (again.returncode, (folder / "report.json").read_bytes() == before) == (0, True)
    assert (folder / "report.html").is_file()


def test_report_that_breaks_keeps_the_rows(
    finished: tuple[Path, subprocess.CompletedProcess[str]], tailgate: Tailgate
) -> None:
    """When a report file cannot be written, one line says so and that the rows are kept."""
    folder, _ = finished
    page = folder / "report.html"
    page.unlink(missing_ok=True)
    page.mkdir()
    done = tailgate("report", folder)
    page.rmdir()
    assert (done.returncode, len(done.stderr.splitlines()), "the rows are kept" in done.stderr) == (2, 1, True)


def test_unreachable_endpoint_is_refused_before_the_load(tailgate: Tailgate, tmp_path: Path, free_port: int) -> None:
    """Where nothing listens, one line says so, no run folder is made, and the exit code is 5."""
    (tmp_path / "gone.yaml").write_text(f"endpoints: {{gone: {{url: 'http://127.0.0.1:{free_port}/v1', model: m}}}}\n")
    done = tailgate("run", "gone.yaml")
    expected = f"endpoint gone: 127.0.0.1:{free_port} refused the connection: nothing listens there\n"
    assert (done.returncode, done.stderr, (tmp_path / "results").exists()) == (5, expected, False)


def test_results_folder_that_cannot_be_made(tailgate: Tailgate, tmp_path: Path) -> None:
    """A results folder that is a file is named in one line, exit code 2."""
    (tmp_path / "short.yaml").write_text(SCENARIO % "4s")
    (tmp_path / "taken").touch()
    done = tailgate("run", "short.yaml", "--results", "taken")
    complaints = [line for line in done.stderr.splitlines() if "taken" in line]
    assert (done.returncode, len(complaints), "Traceback" in done.stderr) == (2, 1, False)


def test_unknown_option_is_locusts_error(tailgate: Tailgate, tmp_path: Path) -> None:
    """An option that neither knows is refused by name, exit code 2."""
    (tmp_path / "short.yaml").write_text(SCENARIO % "4s")
    done = tailgate("run", "short.yaml", "--nonsense")
    assert (done.returncode, "tailgate run: error: unrecognized arguments: --nonsense" in done.stderr) == (2, True)


def test_unknown_user_class_is_refused_with_the_near_one(tailgate: Tailgate, tmp_path: Path) -> None:
    """A user class that there is not is a usage error, before any load."""
    (tmp_path / "short.yaml").write_text(SCENARIO % "4s")
    done = tailgate("run", "short.yaml", "SmalUser")
    said = done.stderr.splitlines()[-1]
    assert (done.returncode, said) == (2, "there is no user class SmalUser: did you mean SmallUser?")
    assert not (tmp_path / "results").exists()


def test_interrupted_report_names_the_folder(tmp_path: Path) -> None:
    """A Ctrl-C while the report is made says how to make it."""
    with (
        pytest.raises(TailgateError, match=f"interrupted before .* tailgate report {tmp_path}") as caught,
        rows_kept(tmp_path),
    ):
        raise KeyboardInterrupt
    assert caught.value.code == ExitCode.INVALID


@pytest.mark.parametrize("presses", [1, 2])
def test_interrupt(tmp_path: Path, presses: int) -> None:
    """Ctrl-C once ends the load and reports; twice ends at once; either keeps the rows and exits with 5."""
    (tmp_path / "long.yaml").write_text(SCENARIO % "10m")
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        command = [sys.executable, "-m", "analysis.cli", "run", "long.yaml"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out, stderr=err)
        folder = wait_for_rows(tmp_path / "results", process)
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        code = process.wait(60)
    with (next(folder.glob("attempts-*.csv"))).open(newline="") as file:
        rows = list(csv.DictReader(file))
    said = (tmp_path / "err").read_text()
    assert (code, len(rows) >= 3, (folder / "report.html").is_file()) == (5, True, presses == 1)
    expected = {1: "Ending the load run; press Ctrl-C again", 2: f"tailgate report {folder}"}
    assert (expected[presses] in said, "KeyboardInterrupt" in said) == (True, False)


def wait_for_rows(results: Path, process: subprocess.Popen[bytes]) -> Path:
    """Wait until a run has written a few rows, and give its folder."""
    for _ in range(600):
        assert process.poll() is None
        for path in results.glob("*/attempts-*.csv"):
            if path.read_bytes().count(b"\n") > 6:
                return path.parent
        time.sleep(0.1)
    raise AssertionError("no rows in a minute")
