"""What a master's core carries: CPU per row and per worker, measured with a fleet of workers that ship real parcels.

`python -m bench.master` (in tests/): a real `locust --master`, locked with a secret, on one core; the fleet on another.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.machine import Cores, cores, cpu_s, describe, pin

ROOT = Path(__file__).parents[2]
SECRET = "only-for-the-benchmark-of-a-master"  # noqa: S105 - of no use elsewhere
SETTLE_S, WINDOW_S = 6.0, 12.0  # of parcels and statistics, which come every 3 s at the seldomest, as many in each
CASES = ((1, 0), (20, 0), (100, 0), (1, 2_000), (20, 5_000), (20, 20_000), (20, 40_000), (100, 20_000))
ROWS_LIMIT_US = 2.5


@dataclass(frozen=True, slots=True)
class Load:
    """One case: CPU seconds of the master per second, and rows per second that it wrote, of those that were made."""

    workers: int
    rows_per_s: float
    made_per_s: float
    cpu: float


@contextlib.contextmanager
def _running(*command: str, cwd: str) -> Iterator[subprocess.Popen[str]]:
    # TAILGATE_SECRET locks the sockets: sealing and encryption are part of what a row costs.
    variables = {**os.environ, "TAILGATE_SECRET": SECRET, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    child = subprocess.Popen(command, cwd=cwd, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             stdin=subprocess.DEVNULL, text=True)  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def measure(workers: int, rows_per_s: int, on: Cores) -> Load:
    """Run one case."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        scenario = {
            "endpoints": {"large": {"url": "http://127.0.0.1:9/v1", "model": "m"}},
            "traffic": {"users": workers, "ramp": "1s", "steady": "10m"},
        }
        Path(folder, "master.yaml").write_text(json.dumps(scenario), encoding="utf-8")
        options = ("--master", "--master-bind-port", port, "--expect-workers", str(workers), "--headless")
        locustfile = str(ROOT / "locustfiles" / "chat.py")
        master = (sys.executable, "-m", "locust", "-f", locustfile, "--scenario", "master.yaml", *options)
        fleet = (sys.executable, "-m", "bench.fleet", port, str(workers), str(rows_per_s))
        with _running(*master, cwd=folder) as lead, _running(*fleet, cwd=folder) as crew:
            pin(lead.pid, on.client, first=on.first)
            pin(crew.pid, on.server, first=on.first)
            _wait_for_rows(crew, rows_per_s)
            time.sleep(SETTLE_S)
            return _window(lead, crew, workers)


def _wait_for_rows(crew: subprocess.Popen[str], rows_per_s: int) -> None:
    while (told := _told(crew))["received"] <= 0 and rows_per_s:
        if not told:
            raise RuntimeError("the fleet ended")


def _told(crew: subprocess.Popen[str]) -> dict[str, int]:
    assert crew.stdout is not None
    told: dict[str, int] = json.loads(crew.stdout.readline())
    return told


def _window(lead: subprocess.Popen[str], crew: subprocess.Popen[str], workers: int) -> Load:
    """Measure between two of the fleet's lines; those of the settling are read first."""
    end_s = time.monotonic() + SETTLE_S
    while time.monotonic() < end_s:
        before = _told(crew)
    began_s, cpu_before_s = time.monotonic(), cpu_s(lead.pid)
    while time.monotonic() < began_s + WINDOW_S:
        after = _told(crew)
    took_s = time.monotonic() - began_s
    rows, made = ((after[key] - before[key]) / took_s for key in ("received", "made"))
    return Load(workers, rows, made, (cpu_s(lead.pid) - cpu_before_s) / took_s)


def main() -> None:
    """Measure all cases, print the table, and write `bench-master.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench.master", description=__doc__)
    parser.add_argument("--first", action="store_true", help="run ahead of all ordinary programs (needs privilege)")
    on = cores(first=parser.parse_args().first)
    console = Console()
    table = Table("workers", "rows/s made", "rows/s at the master", "master's core", "us per row", title="The master")
    loads: list[Load] = []
    for workers, rows_per_s in CASES:
        load = measure(workers, rows_per_s, on)
        loads.append(load)
        idle = next((each.cpu for each in loads if each.workers == workers and not each.made_per_s), None)
        cost = f"{(load.cpu - idle) / load.rows_per_s * 1e6:.2f}" if idle is not None and load.rows_per_s else ""
        figures = (f"{workers}", f"{load.made_per_s:,.0f}", f"{load.rows_per_s:,.0f}", f"{load.cpu:.1%}", cost)
        table.add_row(*figures)
        console.print(*figures, sep="  ")
    console.print(table)
    document = {"machine": describe(), "loads": [asdict(load) for load in loads]}
    Path("bench-master.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
