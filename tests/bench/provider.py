"""The simulated provider, with the send stamp of every chunk added to its truth log.

Run as a program it is `python -m scenarios.simulator`, and writes `<truth>.stamps` besides: for each request its number
and count (two 32-bit integers), then that many 64-bit floats, seconds on CLOCK_MONOTONIC.
"""

from __future__ import annotations

import atexit
import csv
import json
import os
import socket
import struct
import subprocess
import sys
from array import array
from bisect import bisect_left
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bench.machine import Cores, pin
from scenarios.simulator.__main__ import main
from scenarios.simulator.exchange import Exchange, Kind
from scenarios.simulator.truth import Truth, TruthLog

if TYPE_CHECKING:
    from scenarios.scenario import Scenario

HEAD = struct.Struct("II")
PORT = "--port="


class Served:
    """A server in a process of its own, which ends with the block."""

    _child: subprocess.Popen[str]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.communicate()


class Provider(Served):
    """`with Provider(scenario, folder, cores) as provider:` serves it; `truths()` is complete after the block."""

    def __init__(
        self,
        scenario: Scenario,
        folder: Path,
        cores: Cores,
        certificate: tuple[Path, Path] | None = None,
        *,
        port: int = 0,
    ) -> None:
        """Serve `scenario`; a `port` that is named is shared with other providers: each gets every other connection."""
        self._document = json.dumps(scenario.to_document())
        self._truth = folder / "truth.csv"
        self._cores = cores
        self._more = [f"--{name}={path}" for name, path in zip(("cert", "key"), certificate or (), strict=False)]
        self._more += [f"{PORT}{port}"] if port else []

    def __enter__(self) -> Self:
        command = ["bench.provider", "-", "--parent", f"--truth={self._truth}", *self._more]
        self._child = serve(*command)
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(self._document + "\n")
        self._child.stdin.flush()
        told = json.loads(self._child.stdout.readline())
        self.pid: int = told["pid"]
        self.url: str = next(iter(told["endpoints"].values()))
        pin(self.pid, self._cores.server, first=self._cores.first)
        return self

    def truths(self) -> dict[str, Sent]:
        """Give what really happened, by request id."""
        stamps = _read_stamps(Path(f"{self._truth}.stamps"))
        with self._truth.open(encoding="utf-8", newline="") as file:
            return {
                row["request_id"]: Sent(float(row["arrived_s"]), stamps.get(int(row["number"]), array("d")))
                for row in csv.DictReader(file)
            }


def serve(module: str, *words: str) -> subprocess.Popen[str]:
    """Start a server that says on its output where it is, and ends with its input."""
    command = [sys.executable, "-m", module, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())


class Sent:
    """One request as the provider saw it: its arrival, and the send of each content chunk."""

    __slots__ = ("arrived_s", "sends")

    def __init__(self, arrived_s: float, sends: array[float]) -> None:
        self.arrived_s = arrived_s
        self.sends = sends

    @property
    def ttft_s(self) -> float:
        """Arrival to first content."""
        return self.sends[0] - self.arrived_s

    def between(self, from_s: float, to_s: float) -> int:
        """Count the chunks sent in a span of time."""
        return bisect_left(self.sends, to_s) - bisect_left(self.sends, from_s)


def _read_stamps(path: Path) -> dict[int, array[float]]:
    data, at = path.read_bytes(), 0
    found: dict[int, array[float]] = {}
    while at < len(data):
        number, count = HEAD.unpack_from(data, at)
        at += HEAD.size
        found[number] = array("d", data[at : at + 8 * count])
        at += 8 * count
    return found


def _note_sends(path: Path) -> None:
    """Make the simulator keep every stamp: one more list per request, written when the request is logged."""
    file = path.open("wb")
    atexit.register(file.close)
    open_ones: dict[int, array[float]] = {}
    sent, write = Exchange.sent, TruthLog.write

    def sent_and_noted(self: Exchange, kind: int, stamp: float) -> None:
        sent(self, kind, stamp)
        if kind in (Kind.VISIBLE, Kind.REASONING):
            open_ones.setdefault(id(self.truth), array("d")).append(stamp)

    def written(self: TruthLog, truth: Truth) -> None:
        write(self, truth)
        stamps = open_ones.pop(id(truth), array("d"))
        file.write(HEAD.pack(truth.number, len(stamps)) + stamps.tobytes())

    Exchange.sent = sent_and_noted  # type: ignore[method-assign]
    TruthLog.write = written  # type: ignore[method-assign]


def _share_ports() -> None:
    """Let the kernel spread connections over all who listen on a port."""
    bind = socket.socket.bind

    def bind_beside_others(self: socket.socket, address: tuple[str, int]) -> None:
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bind(self, address)

    socket.socket.bind = bind_beside_others  # type: ignore[method-assign, assignment]


def environment() -> dict[str, str]:
    """Give the environment in which every program of the benchmark finds its packages."""
    roots = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, roots))}


if __name__ == "__main__":
    _note_sends(
        Path(next(word.removeprefix("--truth=") for word in sys.argv if word.startswith("--truth=")) + ".stamps")
    )
    if any(word.startswith(PORT) for word in sys.argv):
        _share_ports()
    sys.exit(main())
