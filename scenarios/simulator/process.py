"""The simulator as a child process of a run, a test or a command."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from scenarios.errors import ExitCode, TailgateError
from scenarios.scenario import Scenario

ROOT = Path(__file__).parents[2]
STOP_S = 10.0


class Simulator:
    """`with Simulator(scenario) as simulator:` serves the scenario's simulated endpoints at `simulator.urls`.

    The child ends with this process, however it ends. `truth` names its log, complete once the block is left.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        port: int = 0,
        truth: Path | None = None,
        cert: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self._document = json.dumps(scenario.to_document())
        self._arguments = [f"--port={port}", "--parent"]
        for name, path in {"truth": truth, "cert": cert, "key": key}.items():
            self._arguments += [f"--{name}={path.absolute()}"] if path else []
        self.truth = truth
        self.urls: dict[str, str] = {}
        self.port = 0
        self.pid = 0
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Start the child and wait until it listens. Raises TailgateError with what it says when it does not."""
        with tempfile.TemporaryFile("w+") as complaints:
            child = subprocess.Popen(  # noqa: S603 - this package's own module
                [sys.executable, "-m", "scenarios.simulator", "-", *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                env={**os.environ, "PYTHONPATH": _path()},
                start_new_session=True,  # a Ctrl-C is for the run, which stops the child when it is done with it
            )
            self._child = child
            if child.stdin is None or child.stdout is None:
                raise TailgateError("the simulator has no pipes")
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(self._document + "\n")
                child.stdin.flush()
            line = child.stdout.readline()
            if not line:
                self.stop()
                complaints.seek(0)
                raise _failure(child.returncode, complaints.read().strip())
        told = json.loads(line)
        self.urls, self.port, self.pid = told["endpoints"], told["port"], told["pid"]
        return self

    def stop(self) -> None:
        """End the child; its truth log is complete when this returns."""
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    @property
    def running(self) -> bool:
        """Whether the child lives."""
        return self._child is not None and self._child.poll() is None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _failure(code: int, said: str) -> TailgateError:
    """Give what the child said of a problem that a person can mend, or the last line of any other."""
    if code == ExitCode.USAGE and said:
        return TailgateError(said)
    last = said.splitlines()[-1] if said else "it said nothing"
    return TailgateError(f"the simulator ended with exit code {code}: {last}", ExitCode.INTERNAL_ERROR)


def _path() -> str:
    """Give the child the same package, from wherever it is started."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
