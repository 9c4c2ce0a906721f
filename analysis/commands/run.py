"""`tailgate run`: the load run as a child process, then the report and the verdict's exit code."""

from __future__ import annotations

import importlib.util
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer

from scenarios.errors import ExitCode, TailgateError

if TYPE_CHECKING:
    from analysis.render.junit import Undecided
    from scenarios.scenario import Scenario

RUN_FOLDER_VARIABLE = "TAILGATE_RUN_FOLDER_FILE"
"""Names the file into which the load run writes the path of its run folder, one line per run."""

PROGRAM = "import sys; sys.argv[0] = 'tailgate run'; from locust.main import main; main()"
"""`python -m locust` under the name that the user typed: it stands before Locust's usage errors, and in run.json."""

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_scenario(
    file: Path, results: Path, locust_options: Sequence[str], *, web: bool, junit: Undecided = "fail"
) -> ExitCode:
    """Run `file` under load and report on it; give the verdict's exit code. Raises TailgateError."""
    from scenarios.scenario import load

    _refuse_swapped(file, locust_options)
    scenario = load(file, check_env="--master" not in locust_options)  # keys are the workers'
    if not {"--master", "--worker"} & set(locust_options):
        _refuse_unreachable(scenario)
    with tempfile.TemporaryDirectory(prefix="tailgate-") as scratch:
        folder_file = Path(scratch) / "run-folder"
        load_run = LoadRun(_command(file, results, locust_options, web=web), folder_file)
        code = load_run.run()
        folders = run_folders(folder_file)
    if "--worker" in locust_options:
        return _known(code)
    if load_run.killed:
        return _ended_at_once(folders)
    if not folders:
        return _nothing_recorded(code, interrupted=load_run.signals > 0)
    return _report(folders, junit)


class LoadRun:
    """The load run, in a process group of its own, so that it hears of a Ctrl-C only through us.

    The first signal, whichever, is passed on as Ctrl-C: the load ends early and is reported. The second kills the
    group. (SIGTERM would end Locust at once: it installs its handler after a shape's run.)
    """

    def __init__(self, command: Sequence[str], folder_file: Path) -> None:
        self.signals = 0
        self.killed = False
        self._command = command
        self._folder_file = folder_file
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Start it, wait for its end and give its exit code, negative when a signal ended it."""
        before = {number: signal.signal(number, self._on_signal) for number in FORWARDED}
        try:
            self._process = process = _start(self._command, self._folder_file)
            if self.signals:
                self._kill(signal.SIGTERM)
            return process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.signals += 1
        if self.signals > 1:
            self.killed = True
            self._kill(signal.SIGKILL)
        elif not run_folders(self._folder_file):
            self._kill(signal.SIGTERM)  # still importing: an interrupt would print a traceback
        elif self._process is not None:
            self._process.send_signal(signal.SIGINT)

    def _kill(self, number: signal.Signals) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return


def _start(command: Sequence[str], folder_file: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, RUN_FOLDER_VARIABLE: str(folder_file)}
    # Its standard input is empty: a background process group that reads the terminal would be stopped.
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603


def _command(file: Path, results: Path, locust_options: Sequence[str], *, web: bool) -> list[str]:
    command = [sys.executable, "-c", PROGRAM, "-f", str(locustfile())]
    command += ["--scenario", str(file), "--results", str(results)]
    if not web and "--worker" not in locust_options:
        command.append("--headless")
    return [*command, *locust_options]


def locustfile() -> Path:
    """Find the installed locustfile without importing the load wing."""
    spec = importlib.util.find_spec("locustfiles")
    if spec is None or spec.origin is None:
        raise TailgateError("the locustfiles package is not installed; reinstall tailgate", ExitCode.INTERNAL_ERROR)
    return Path(spec.origin).with_name("chat.py")


def run_folders(folder_file: Path) -> list[Path]:
    """Give the run folders that the load run has named so far; several when the web UI started several."""
    try:
        return [Path(line) for line in folder_file.read_text(encoding="utf-8").splitlines() if line]
    except FileNotFoundError:
        return []


def _refuse_swapped(file: Path, locust_options: Sequence[str]) -> None:
    """Notice `run --users 5 chat.yaml`, where the parser takes `5` for the scenario. Raises TailgateError."""
    if file.suffix in {".yaml", ".yml"} or file.exists():
        return
    later = next((option for option in locust_options if Path(option).suffix in {".yaml", ".yml"}), None)
    if later:
        raise TailgateError(f"the scenario comes first, Locust's options after it: tailgate run {later} ...")


def _refuse_unreachable(scenario: Scenario) -> None:
    """Connect to each real endpoint once, and send nothing. Raises TailgateError when that fails."""
    from scenarios.probe import unreachable

    real = {name: endpoint for name, endpoint in scenario.endpoints.items() if endpoint.url}
    found = {name: unreachable(endpoint, scenario.conversation.timeouts) for name, endpoint in real.items()}
    problems = [f"endpoint {name}: {problem}" for name, problem in found.items() if problem]
    if problems:
        raise TailgateError("\n".join(problems), ExitCode.INVALID)


def _report(folders: Sequence[Path], junit: Undecided) -> ExitCode:
    from analysis.commands.report import report_on

    code = ExitCode.INVALID
    for folder in folders:
        code = report_on(folder, junit=junit)
    return code


def _ended_at_once(folders: Sequence[Path]) -> ExitCode:
    for folder in folders:
        typer.echo(
            f"Ended at once. The rows are kept; to report on them: tailgate report {shlex.quote(str(folder))}", err=True
        )
    return ExitCode.INVALID


def _nothing_recorded(code: int, *, interrupted: bool) -> ExitCode:
    if interrupted:
        typer.echo("Interrupted before the load began: nothing was recorded.", err=True)
        return ExitCode.INVALID
    if code == 0:
        raise TailgateError("the load run ended without making a run folder", ExitCode.INVALID)
    return _known(code)


def _known(code: int) -> ExitCode:
    """Pass on an exit code of ours; any other end of the load run is an internal error."""
    return ExitCode(code) if code in set(ExitCode) else ExitCode.INTERNAL_ERROR
