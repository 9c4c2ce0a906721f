"""Hosts of their own on one machine: network namespaces, each with an address, joined by a bridge.

Nothing of it touches the machine's own network: the bridge lives in a namespace too.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECRET = "only-for-the-tests-of-three-hosts"  # noqa: S105 - of no use elsewhere
PORT = 8000
PROGRAM = [sys.executable, "-m"]


def impossible() -> str:
    """Say why namespaces can't be made here, "" when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "network namespaces need iproute2's ip"
    made = subprocess.run(["ip", "netns", "add", "tailgate-probe"], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"network namespaces can't be made: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", "tailgate-probe"], check=True)
    return ""


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Host:
    """A machine: `start` runs a program on it, `cut` and `mend` its cable."""

    def __init__(self, network: Network, name: str, number: int) -> None:
        self.name = name
        self.address = f"10.77.0.{number}"
        self.space = f"{network.tag}-{name}"
        self._port = f"p{number}"
        self._switch = network.switch
        _ip("netns", "add", self.space)
        _ip("-n", self._switch, "link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        _ip("-n", self._switch, "link", "set", self._port, "master", "br0", "up")
        _ip("-n", self.space, "addr", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _ip("-n", self.space, "link", "set", device, "up")

    def start(
        self, *command: str | Path, cwd: Path, log: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program; its output goes to `log`. The process's own pid is the program's."""
        named = ["unshare", "--uts", "sh", "-c", f'hostname {self.name} && exec "$@"', "sh"]
        output: Any = (log or cwd / f"{self.name}.log").open("ab")
        with output:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.space, *named, *map(str, command)],
                cwd=cwd,
                env={**os.environ, "PYTHONPATH": str(ROOT), "TAILGATE_SECRET": SECRET, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def cut(self) -> None:
        """Pull the cable."""
        _ip("-n", self._switch, "link", "set", self._port, "nomaster")

    def mend(self) -> None:
        """Plug it in again."""
        _ip("-n", self._switch, "link", "set", self._port, "master", "br0")

    def slow_down(self, rate: str) -> None:
        """Let no more than `rate` leave it (tc tbf)."""
        limit = ("rate", rate, "burst", "16kb", "latency", "2s")
        subprocess.run(["tc", "-n", self.space, "qdisc", "add", "dev", "eth0", "root", "tbf", *limit], check=True)

    def remove(self) -> None:
        """Take it away."""
        _ip("netns", "del", self.space)


class Network:
    """A switch, and hosts on it; leaving the block takes all away."""

    def __init__(self, *names: str, tag: str = "") -> None:
        self.tag = f"tg{os.getpid()}{tag}"
        self.switch = f"{self.tag}-switch"
        self._names = names
        self.hosts: dict[str, Host] = {}

    def __enter__(self) -> dict[str, Host]:
        _ip("netns", "add", self.switch)
        _ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
        _ip("-n", self.switch, "link", "set", "br0", "up")
        for number, name in enumerate(self._names, start=1):
            self.hosts[name] = Host(self, name, number)
        return self.hosts

    def __exit__(self, *_: object) -> None:
        for host in self.hosts.values():
            host.remove()
        _ip("netns", "del", self.switch)


class Campaign:
    """Master, workers and provider on hosts of their own, and what they left behind."""

    def __init__(self, hosts: dict[str, Host], folder: Path, scenario: Mapping[str, Any]) -> None:
        self.hosts = hosts
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.killed_s = 0.0
        self._truths: list[Path] = []
        simulated = {"small": {"simulated": scenario["provider"]}}
        url = f"http://{hosts['provider'].address}:{PORT}/small/v1"
        self._write("provider.yaml", {"name": "provider", "seed": 1, "endpoints": simulated})
        asked = {key: value for key, value in scenario.items() if key != "provider"}
        self._write("scenario.yaml", {"name": "three", **asked, "endpoints": {"small": {"url": url, "model": "m"}}})

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        (self.folder / name).write_text(json.dumps(document), encoding="utf-8")

    def start_provider(self) -> None:
        """Serve the endpoint, with a truth log of its own."""
        truth = self.folder / f"truth-{len(self._truths)}.csv"
        self._truths.append(truth)
        host = self.hosts["provider"]
        options = ("--host", host.address, "--port", str(PORT), "--truth", truth)
        module = (*PROGRAM, "scenarios.simulator", self.folder / "provider.yaml")
        self.processes["provider"] = host.start(*module, *options, cwd=self.folder)
        wait_until(lambda: b'"port"' in (self.folder / "provider.log").read_bytes(), "the provider listens")

    def start_master(self, workers: int, *program: str | Path, results: Path | None = None, **variables: str) -> None:
        """Lead the run; it waits for `workers`."""
        host = self.hosts["master"]
        options = ("--master", "--master-bind-host", host.address, "--expect-workers", str(workers), "--headless")
        files = ("--scenario", self.folder / "scenario.yaml", "--results", results or self.folder / "master")
        command = (*(program or self._locust()), *options, *files)
        self.processes["master"] = host.start(*command, cwd=self.folder, variables=variables)

    def start_worker(self, name: str, *program: str | Path, results: Path | None = None, **variables: str) -> None:
        """Add a worker on the host of that name."""
        options = ("--worker", "--master-host", self.hosts["master"].address)
        files = ("--results", results or self.folder / name)
        command = (*(program or self._locust()), *options, *files)
        self.processes[name] = self.hosts[name].start(*command, cwd=self.folder, variables=variables)

    def _locust(self) -> tuple[str | Path, ...]:
        return (*PROGRAM, "locust", "-f", ROOT / "locustfiles" / "chat.py")

    def start(self, *workers: str) -> None:
        """Start all, and wait until the load is on."""
        self.start_provider()
        self.start_master(len(workers))
        for worker in workers:
            self.start_worker(worker)
        self.wait_for_load()

    def wait_for_load(self) -> None:
        """Wait until requests are answered."""
        wait_until(lambda: len(self.truth()) > 20, "the load is on", self.said)

    def end(self, name: str, timeout_s: float = 240.0) -> int:
        """Wait for a process to end by itself; give its exit code."""
        return self.processes[name].wait(timeout_s)

    def close(self) -> None:
        """End what still runs; each by its own pid. The provider's truth log is complete then."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def said(self, name: str = "") -> str:
        """Give what a host's processes printed."""
        names = [name] if name else list(self.hosts)
        logs = [self.folder / f"{each}.log" for each in names]
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')}" for log in logs if log.is_file())

    @property
    def run_folder(self) -> Path:
        """The master's run folder."""
        (folder,) = (self.folder / "master").iterdir()
        return folder

    def run_document(self) -> dict[str, Any]:
        """Read run.json."""
        document: dict[str, Any] = json.loads((self.run_folder / "run.json").read_text(encoding="utf-8"))
        return document

    def phase_start_s(self, phase: str) -> float | None:
        """Give when a phase begins, by the monotonic clock that all hosts here share; None while nobody knows."""
        for path in self.folder.glob("*/*/run-*.json"):
            document = json.loads(path.read_text(encoding="utf-8"))
            for span in document["phases"]:
                if span["phase"] == phase:
                    return float(document["epoch_monotonic_s"] + span["start_s"])
        return None

    def rows(self, folder: Path | None = None, name: str = "attempts.csv") -> list[dict[str, str]]:
        """Read the merged rows, or another table of the run."""
        return list(_read((folder or self.run_folder) / name))

    def truth(self) -> list[dict[str, str]]:
        """Read what the provider was asked, in all its lives."""
        return [row for truth in self._truths if truth.is_file() for row in _read(truth)]


def _read(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def identity(row: Mapping[str, str]) -> str:
    """Give the request id that an attempt's row was sent under."""
    return f"{row['run_id']}/{row['worker']}/{row['turn_id']}/{row['attempt_no']}"


def wait_until(holds: Any, what: str, said: Any = str, timeout_s: float = 120.0) -> None:
    """Wait until something holds; say what the processes said when it does not."""
    end = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s:g} s: {what}\n{said()}")
        time.sleep(0.1)
