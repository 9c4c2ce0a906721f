"""What a second worker adds, by two measures, and the error of what they report.

`python -m bench.scaling` (in tests/). By the workers' CPU time: each carries the same number of streams on a core of
its own, where there are only two cores beside provider and master; counted are chunks per second of the workers' own
CPU time. By the clock: a core holds a worker and a provider of its own, and is asked for more than both can carry;
counted are the chunks that come through in a second, on one such core and on two.
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
from collections.abc import Callable, Iterator, Sequence
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
TOO_MUCH = Load(users=1000, tokens_per_second=50, ramp_s=6, settle_s=5, window_s=8)
"""Per core, for the measure by the clock."""
ROUNDS = 3
ASKED = 1.9
"""What two workers must be worth, in workers."""
START_S, END_S = 60.0, 120.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """One run: chunks per CPU-second of each worker and in all per second, cores used by each kind, and the errors."""

    chunks_per_cpu_s: list[float]
    chunks_per_s: float
    worker_cores: float
    provider_cores: float
    master_cores: float
    accuracy: Accuracy

    @property
    def capacity(self) -> float:
        """Chunks per second that all workers together carry, each on a whole core."""
        return sum(self.chunks_per_cpu_s)


def measure(workers: int, on: Cores, per_worker: Load = LOAD, *, paired: bool = False) -> Fleet:
    """Run one fleet, `paired` each worker with a provider. Raises RuntimeError with its words when it fails."""
    chosen = (on.client, on.server)[:workers]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        load = replace(per_worker, users=per_worker.users * workers)
        providers = list(_providers(load, folder, on, chosen if paired else (on.server,)))
        with contextlib.ExitStack() as serving:
            for provider in providers:
                serving.enter_context(provider)
            fleet = serving.enter_context(_running(load, providers[0].url, folder, workers))
            master, *crew = (process.pid for process in fleet)
            for pid, core in zip((master, *crew), (chosen[-1] if paired else on.server, *chosen), strict=True):
                pin(pid, core, first=on.first, rank=2)  # a worker that waits for its provider would read late
            pids = [master, *crew, *(provider.pid for provider in providers)]
            _sleep_until(_started_s(folder) + load.ramp_s + load.settle_s + MARGIN_S)
            from_s, before = time.perf_counter(), [cpu_s(pid) for pid in pids]
            _sleep_until(from_s + load.window_s)
            to_s, after = time.perf_counter(), [cpu_s(pid) for pid in pids]
            for process in fleet:
                process.wait(END_S)
        led_s, *used_s = (end - begin for begin, end in zip(before, after, strict=True))
        truths = {request_id: sent for provider in providers for request_id, sent in provider.truths().items()}
        chunks = _chunks_by_worker(truths, from_s, to_s)
        took_s = to_s - from_s
        return Fleet(
            chunks_per_cpu_s=[chunks[_name(folder, number)] / used_s[number] for number in range(workers)],
            chunks_per_s=chunks.total() / took_s,
            worker_cores=sum(used_s[:workers]) / took_s,
            provider_cores=sum(used_s[workers:]) / took_s,
            master_cores=led_s / took_s,
            accuracy=compare(tailgate.reported(folder), truths),
        )


def _providers(load: Load, folder: Path, on: Cores, chosen: Sequence[int]) -> Iterator[Provider]:
    """Give a provider for each core; several share a port."""
    port = _free_port() if len(chosen) > 1 else 0
    for number, core in enumerate(chosen):
        own = folder / f"provider-{number}"
        own.mkdir()
        yield Provider(load.provider(), own, replace(on, server=core), port=port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(load: Load, url: str, folder: Path, workers: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start a master and its workers; the first is the master."""
    port = str(_free_port())
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


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to compare one worker with two, and the figure that counts in it."""

    name: str
    load: Load
    of: Callable[[Fleet], float]
    paired: bool = False

    def rounds(self, on: Cores) -> list[tuple[Fleet, Fleet]]:
        """Measure one worker and two, in turn."""
        return [
            (measure(1, on, self.load, paired=self.paired), measure(2, on, self.load, paired=self.paired))
            for _ in range(ROUNDS)
        ]


MEASURES = {
    "cpu": Measure(
        f"By CPU time: {STREAMS} streams of {LOAD.tokens_per_second:g}/s per worker", LOAD, lambda each: each.capacity
    ),
    "clock": Measure(
        f"By the clock: {TOO_MUCH.users} streams of {TOO_MUCH.tokens_per_second:g}/s asked of each core",
        TOO_MUCH,
        lambda each: each.chunks_per_s,
        paired=True,
    ),
}


def _table(name: str, rounds: Sequence[tuple[Fleet, Fleet]]) -> Table:
    table = Table("medians", "1 worker", "2 workers", title=name)
    for line, digits, figure in (
        ("chunks per CPU-second, all workers", ",.0f", lambda fleet: fleet.capacity),
        ("chunks per second by the clock", ",.0f", lambda fleet: fleet.chunks_per_s),
        ("workers' cores", ".2f", lambda fleet: fleet.worker_cores),
        ("providers' cores", ".2f", lambda fleet: fleet.provider_cores),
        ("master's cores", ".3f", lambda fleet: fleet.master_cores),
        ("TTFT p99 error", ".2%", lambda fleet: fleet.accuracy.ttft_p99_error),
        ("gap p99 error", ".2%", lambda fleet: fleet.accuracy.gap_p99_error),
    ):
        table.add_row(line, *(format(median(figure(each[side]) for each in rounds), digits) for side in (0, 1)))
    return table


def main() -> None:
    """Measure one and two workers in turn, print the tables, and write `bench-scaling.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("--first", action="store_true", help="run ahead of all ordinary programs (needs privilege)")
    parser.add_argument("--by", choices=list(MEASURES), action="append", help="only this measure")
    options = parser.parse_args()
    on, console = cores(first=options.first), Console()
    document: dict[str, object] = {"machine": describe()}
    for key in options.by or MEASURES:
        rounds = MEASURES[key].rounds(on)
        worth = [MEASURES[key].of(two) / MEASURES[key].of(one) for one, two in rounds]
        console.print(_table(MEASURES[key].name, rounds))
        holds = "holds" if median(worth) >= ASKED else "is missed"
        told = ", ".join(f"{each:.2f}" for each in worth)
        console.print(f"Two workers are worth {median(worth):.2f} of one ({told}); {ASKED} was asked: that {holds}.\n")
        document[key] = {"worth": worth, "rounds": [[asdict(fleet) for fleet in each] for each in rounds]}
    Path("bench-scaling.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
