"""What a second worker adds: chunks per CPU-second of all workers, and the error of what they report.

`python -m bench.scaling` (in tests/). Each worker carries the same number of streams, on a core of its own; where there
are only two cores, provider and master share the last one. What a worker can carry is therefore counted per second of
its own CPU time, and theirs is told apart.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench import tailgate
from bench.accuracy import Accuracy, compare
from bench.load import MARGIN_S, Load
from bench.machine import Cores, cores, cpu_s, describe, pin
from bench.provider import Provider, Sent, environment

STREAMS = 200
"""Per worker."""
LOAD = Load(users=STREAMS, tokens_per_second=40, ramp_s=4, settle_s=3, window_s=8)
ROUNDS = 3
ASKED = 1.9
"""What two workers must be worth, in workers."""
START_S, END_S = 60.0, 120.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """One run: chunks per CPU-second of each worker, cores used by workers, provider and master, and the errors."""

    chunks_per_cpu_s: list[float]
    worker_cores: float
    provider_cores: float
    master_cores: float
    accuracy: Accuracy

    @property
    def capacity(self) -> float:
        """Chunks per second that all workers together carry, each on a whole core."""
        return sum(self.chunks_per_cpu_s)


def measure(workers: int, on: Cores) -> Fleet:
    """Run one fleet. Raises RuntimeError with its words when it fails."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        load = replace(LOAD, users=STREAMS * workers)
        with Provider(load.provider(), folder, on) as provider, _running(load, provider.url, folder, workers) as fleet:
            master, *crew = (process.pid for process in fleet)
            for number, pid in enumerate(crew):
                pin(pid, (on.client, on.server)[number % 2], first=on.first)
            pin(master, on.server, first=on.first)
            _sleep_until(_started_s(folder) + load.ramp_s + load.settle_s + MARGIN_S)
            from_s, before = time.perf_counter(), [cpu_s(pid) for pid in (provider.pid, master, *crew)]
            _sleep_until(from_s + load.window_s)
            to_s, after = time.perf_counter(), [cpu_s(pid) for pid in (provider.pid, master, *crew)]
            for process in fleet:
                process.wait(END_S)
        served_s, led_s, *worked_s = (end - begin for begin, end in zip(before, after, strict=True))
        truths = provider.truths()
        chunks = _chunks_by_worker(truths, from_s, to_s)
        each = [chunks[_name(folder, number)] / worked_s[number] for number in range(workers)]
        took_s = to_s - from_s
        accuracy = compare(tailgate.reported(folder), truths)
        return Fleet(each, sum(worked_s) / took_s, served_s / took_s, led_s / took_s, accuracy)


@contextlib.contextmanager
def _running(load: Load, url: str, folder: Path, workers: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start a master and its workers; the first is the master."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    lead = tailgate.command(load, url, folder, tls=False)
    lead += ["--master", f"--master-bind-port={port}", f"--expect-workers={workers}"]
    follow = [sys.executable, "-m", "locust", "-f", str(tailgate.CHAT), "--worker", f"--master-port={port}"]
    commands = [lead, *([*follow, f"--results={folder / f'worker-{number}'}"] for number in range(workers))]
    variables = environment() | {"BENCH_STARTED": str(folder / "started")}
    with (folder / "log").open("wb") as log:
        fleet = [subprocess.Popen(command, env=variables, stdout=log, stderr=log) for command in commands]
    try:
        yield fleet
    finally:
        for process in fleet:
            process.kill()
            process.wait()


def _started_s(folder: Path) -> float:
    deadline, path = time.perf_counter() + START_S, folder / "started"
    while not (path.exists() and path.read_text(encoding="ascii")):
        if time.perf_counter() > deadline:
            raise RuntimeError((folder / "log").read_text(encoding="utf-8")[-2000:])
        time.sleep(0.05)
    return float(path.read_text(encoding="ascii"))


def _sleep_until(moment_s: float) -> None:
    time.sleep(max(moment_s - time.perf_counter(), 0.0))


def _name(folder: Path, number: int) -> str:
    (rows,) = (folder / f"worker-{number}").glob("*/attempts-*.csv")
    return rows.stem.removeprefix("attempts-")


def _chunks_by_worker(truths: dict[str, Sent], from_s: float, to_s: float) -> Counter[str]:
    chunks: Counter[str] = Counter()
    for request_id, sent in truths.items():
        chunks[request_id.split("/")[1]] += sent.between(from_s, to_s)
    return chunks


def main() -> None:
    """Measure one and two workers in turn, print the table, and write `bench-scaling.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("--first", action="store_true", help="run ahead of all ordinary programs (needs privilege)")
    on = cores(first=parser.parse_args().first)
    console = Console()
    rounds = []
    for number in range(1, ROUNDS + 1):
        console.print(f"[dim]round {number} of {ROUNDS} …[/]")
        rounds.append((measure(1, on), measure(2, on)))
    worth = [two.capacity / one.capacity for one, two in rounds]
    table = Table("", "1 worker", "2 workers", title=f"{STREAMS} streams of {LOAD.tokens_per_second:g}/s per worker")
    for name, digits, of in (
        ("chunks per CPU-second, all workers", ",.0f", lambda fleet: fleet.capacity),
        ("workers' cores", ".2f", lambda fleet: fleet.worker_cores),
        ("provider's cores", ".2f", lambda fleet: fleet.provider_cores),
        ("master's cores", ".3f", lambda fleet: fleet.master_cores),
        ("TTFT p99 error", ".2%", lambda fleet: fleet.accuracy.ttft_p99_error),
        ("gap p99 error", ".2%", lambda fleet: fleet.accuracy.gap_p99_error),
    ):
        table.add_row(name, *(format(median(of(each[side]) for each in rounds), digits) for side in (0, 1)))
    console.print(table)
    holds = "holds" if median(worth) >= ASKED else "is missed"
    told = ", ".join(f"{each:.2f}" for each in worth)
    console.print(f"Two workers are worth {median(worth):.2f} of one ({told}); {ASKED} was asked: that {holds}.")
    document = {"machine": describe(), "worth": worth, "rounds": [[asdict(fleet) for fleet in each] for each in rounds]}
    Path("bench-scaling.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
