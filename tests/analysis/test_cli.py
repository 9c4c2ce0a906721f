"""The command line as its users meet it: as a process with output and an exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic import LARGE, Plan, write_run

from analysis import cli
from analysis.commands import run
from analysis.commands.report import EXIT_CODES
from analysis.model import Verdict
from scenarios.errors import ExitCode, TailgateError

Tailgate = Callable[..., subprocess.CompletedProcess[str]]
COMMANDS = ("run", "init", "check", "probe", "simulate", "report", "compare", "gate", "matrix", "dashboard", "schema")
FAKE_KEY = "sk-" + "fake0123456789fake0123456789"

SIMULATED = """
endpoints:
  small: {simulated: {ttft: 20ms, tokens_per_second: 500, output_tokens: 5}, prices: {input: 1, output: 2}}
traffic: {users: 2, ramp: 1s, warm_up: 0s, steady: 2s, think_time: 0s}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """Give the file of a scenario with one simulated endpoint."""
    path = tmp_path / "small.yaml"
    path.write_text(SIMULATED)
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_holds_a_real_example(tailgate: Tailgate, command: str) -> None:
    """Each command's help shows how the command is used."""
    done = tailgate(command, "--help")
    assert (done.returncode, f"Example: tailgate {command}" in done.stdout) == (0, True)


def test_help_lists_every_command(tailgate: Tailgate) -> None:
    """The help names each command and the exit codes."""
    done = tailgate("--help")
    missing = [word for word in (*COMMANDS, "Exit codes") if word not in done.stdout]
    assert (done.returncode, missing) == (0, [])


def test_help_cuts_no_summary(tailgate: Tailgate) -> None:
    """At 80 columns each command's summary is whole."""
    done = tailgate("--help", COLUMNS="80")
    commands = done.stdout.partition("Commands:")[2]
    assert (len(commands.splitlines()) > len(COMMANDS), "..." in commands) == (True, False)


def test_version(tailgate: Tailgate) -> None:
    """`--version` prints the name and the version."""
    done = tailgate("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "tailgate")


def test_schema_is_json_schema(tailgate: Tailgate) -> None:
    """`schema` prints a JSON Schema that knows the scenario's only required key."""
    done = tailgate("schema")
    assert json.loads(done.stdout)["required"] == ["endpoints"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nonsense",), "nonsense"),
        (("run",), "FILE"),
        (("check", "absent.yaml"), "absent.yaml"),
        (("run", "absent.yaml"), "absent.yaml"),
        (("probe", "absent.yaml"), "absent.yaml"),
        (("simulate", "absent.yaml"), "absent.yaml"),
        (("report", "absent"), "absent: no such run folder"),
        (("gate", "absent"), "absent: no such run folder"),
    ],
)
def test_usage_errors(tailgate: Tailgate, arguments: tuple[str, ...], expected: str) -> None:
    """A wrong argument is named on standard error, without a traceback, with exit code 2."""
    done = tailgate(*arguments)
    assert (done.returncode, expected in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_locust_option_before_the_scenario(tailgate: Tailgate, scenario: Path) -> None:
    """`run --users 5 FILE` says that the scenario comes first, rather than looking for a file called 5."""
    done = tailgate("run", "--users", "5", scenario)
    assert (done.returncode, "the scenario comes first" in done.stderr) == (2, True)


def test_scenario_errors_before_any_request(tailgate: Tailgate, tmp_path: Path) -> None:
    """Each problem of a scenario is one line with its place, exit code 2."""
    (tmp_path / "bad.yaml").write_text("endpoints: {a: {simulated: {}}}\ntrafic: {users: 5}\n")
    done = tailgate("check", "bad.yaml")
    assert (done.returncode, done.stderr.startswith("bad.yaml:2:1: ")) == (2, True)


def test_check_shows_the_plan(tailgate: Tailgate, tmp_path: Path) -> None:
    """`check` tells phases, requests, dollars, and which SLO line gets too few turns."""
    (tmp_path / "small.yaml").write_text(SIMULATED + "slo: [p99.9(ttft_ms) < 800, p50(ttft_ms) < 800]\n")
    done = tailgate("check", "small.yaml")
    needs = {line.split("  ")[0]: line.split()[-1] for line in done.stdout.splitlines() if "ttft_ms" in line}
    words = [line.split()[0] for line in done.stdout.splitlines() if line]
    phases = [word for word in words if word in {"ramp", "warm_up", "steady", "drain"}]
    assert (done.returncode, phases, needs, "$" in done.stdout, "raise traffic.steady" in done.stdout) == (
        0,
        ["ramp", "steady", "drain"],
        {"p99.9(ttft_ms) < 800": "few", "p50(ttft_ms) < 800": "enough"},
        True,
        True,
    )


def test_check_says_how_many_workers_a_load_needs(tailgate: Tailgate, tmp_path: Path) -> None:
    """2,000 streams of 100 tokens/s are more than one worker carries, and not more than five."""
    endpoint = "endpoints: {big: {simulated: {tokens_per_second: 100}}}\n"
    (tmp_path / "big.yaml").write_text(endpoint + "traffic: {users: 2000, think_time: 1s}\n")
    one, five = tailgate("check", "big.yaml"), tailgate("check", "big.yaml", "--workers", "5")
    assert [(done.returncode, "use --workers 5" in done.stdout) for done in (one, five)] == [(0, True), (0, False)]


def test_every_verdict_has_its_exit_code() -> None:
    """Verdicts map to the contract's codes, none left out."""
    expected = {"pass": 0, "fail": 3, "inconclusive": 4, "invalid": 5}
    assert (EXIT_CODES, set(EXIT_CODES)) == (expected, set(Verdict.__args__))  # type: ignore[attr-defined]


def test_foreign_messages_lose_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that quotes a key's value shows the variable's name in its place."""
    monkeypatch.setenv("SOME_API_KEY", FAKE_KEY)
    assert cli._without_secrets(f"Illegal header value 'Bearer {FAKE_KEY}'") == (
        "Illegal header value 'Bearer $SOME_API_KEY'"
    )


def test_internal_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A defect prints one line that says how to see the traceback, and exits with 1."""

    def broken(**_: object) -> int:
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    expected = "internal error: RuntimeError: first second; rerun with TAILGATE_DEBUG=1 for the traceback\n"
    assert (ended.value.code, capsys.readouterr().err) == (1, expected)


CHILD = """
import os, signal, sys, time
behaviour = sys.argv[1]
if behaviour != "early":
    open(os.environ["TAILGATE_RUN_FOLDER_FILE"], "w").write("results/one")
if behaviour == "stubborn":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
else:
    signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
print("ready", flush=True)
time.sleep(60)
"""


def interrupted(folder_file: Path, behaviour: str, times: int) -> tuple[int, run.LoadRun]:
    """Run a child that behaves as told, interrupt this process `times` times, and give the child's exit code."""
    load_run = run.LoadRun([sys.executable, "-c", CHILD, behaviour], folder_file)

    def press() -> None:
        time.sleep(1.0)
        for _ in range(times):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            time.sleep(0.3)

    threading.Thread(target=press).start()
    return load_run.run(), load_run


def test_one_interrupt_is_passed_on(tmp_path: Path) -> None:
    """The first Ctrl-C lets the load run end in its own way."""
    code, load_run = interrupted(tmp_path / "folder", "graceful", 1)
    assert (code, load_run.killed) == (7, False)


def test_two_interrupts_end_at_once(tmp_path: Path) -> None:
    """The second Ctrl-C ends a load run that does not heed the first."""
    code, load_run = interrupted(tmp_path / "folder", "stubborn", 2)
    assert (code, load_run.killed) == (-signal.SIGKILL, True)


def test_an_early_interrupt_does_not_reach_the_imports(tmp_path: Path) -> None:
    """A Ctrl-C before there is a run folder ends the child without a chance to print a traceback."""
    code, load_run = interrupted(tmp_path / "folder", "early", 1)
    assert (code, run.run_folders(tmp_path / "folder"), load_run.killed) == (-signal.SIGTERM, [], False)


def test_signal_handlers_are_put_back(tmp_path: Path) -> None:
    """After the load run, Ctrl-C means again what it meant before."""
    before = signal.getsignal(signal.SIGINT)
    run.LoadRun([sys.executable, "-c", "pass"], tmp_path / "folder").run()
    assert signal.getsignal(signal.SIGINT) == before


def test_exit_code_of_a_run_without_a_folder() -> None:
    """Without a run folder the load run's own code counts if it is one of ours; a clean end is then incomplete."""
    codes = [run._nothing_recorded(code, interrupted=False) for code in (2, 1, 99, -11)]
    with pytest.raises(TailgateError) as clean:
        run._nothing_recorded(0, interrupted=False)
    expected = [ExitCode.USAGE, ExitCode.INTERNAL_ERROR, ExitCode.INTERNAL_ERROR, ExitCode.INTERNAL_ERROR]
    assert (codes, clean.value.code) == (expected, ExitCode.INVALID)


def test_locustfile_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The locustfile is the installed one."""
    monkeypatch.chdir(tmp_path)
    assert run.locustfile().parts[-2:] == ("locustfiles", "chat.py")


def test_a_reader_that_leaves_changes_no_verdict(tmp_path: Path) -> None:
    """`tailgate gate RUN | head` ends quietly, with the verdict's exit code."""
    write_run(tmp_path / "run", Plan(models=(LARGE,), turns=300))
    gate = subprocess.Popen(
        [sys.executable, "-m", "analysis.cli", "gate", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert gate.stdout is not None
    gate.stdout.close()
    said = gate.communicate()[1]
    whole = subprocess.run(gate.args, capture_output=True, check=False)
    assert (gate.returncode, said) == (whole.returncode, b"")
