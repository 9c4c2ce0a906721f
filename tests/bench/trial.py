"""One reader under one load: start both sides on their cores, watch a steady window, compare with the truth."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from bench import tailgate
from bench.accuracy import Accuracy, Reported, compare
from bench.canned import Canned
from bench.load import MARGIN_S, Load
from bench.machine import Cores, busy_s, cpu_s, pin, resident_kb
from bench.provider import Provider, Sent, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

READERS = Path(__file__).parent / "readers"
START_S, END_S = 60.0, 90.0


@dataclass(frozen=True, slots=True)
class Case:
    """A reader (`tailgate`, `bare`, `fasthttp`, `httpuser`, `aiohttp`) and what it has to carry."""

    reader: str
    load: Load
    tls: bool = False
    block: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. CPU in cores (seconds per second); microseconds per chunk, or per request without streams."""

    reader: str
    units: int
    client_us: float
    provider_us: float
    client_cores: float
    others_cores: float
    accuracy: Accuracy | None
    idle_kb: float = 0.0
    seconds_us: tuple[float, ...] = ()
    """The client's microseconds per unit in each second of the window."""

    @property
    def per_cpu_s(self) -> float:
        """Units per CPU-second of the client."""
        return 1e6 / self.client_us


@dataclass(frozen=True, slots=True)
class Window:
    """What was read off the clocks: its bounds, and the CPU seconds used in it."""

    from_s: float
    to_s: float
    seconds: list[tuple[float, float]]
    """Each second's end, and the client's CPU until then."""
    client_s: float
    provider_s: float
    busy_s: float
    resident_kb: float


def run(case: Case, cores: Cores) -> Result:
    """Run a case. Raises RuntimeError with the reader's own words when it fails."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with (
            _provider(case, folder, cores) as provider,
            _reader(case, provider.url, folder) as reader,
        ):
            window = _watch(case, reader, provider.pid, cores, folder)
        return _result(case, window, provider.truths(), folder)


def _provider(case: Case, folder: Path, cores: Cores) -> Provider | Canned:
    if not case.load.stream:
        return Canned(folder, cores)
    return Provider(case.load.provider(), folder, cores, tailgate.certificate(folder) if case.tls else None)


@contextmanager
def _reader(case: Case, url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the reader; wait for its end, and for its word that all went well."""
    load = case.load
    task = {"url": url, "users": load.users, "ramp_s": load.ramp_s, "run_s": load.run_s + 2 * MARGIN_S,
            "window_from_s": load.ramp_s + load.settle_s, "stream": load.stream, "folder": str(folder)}  # fmt: skip
    more = {
        "BENCH_TASK": json.dumps(task),
        "BENCH_READER": case.reader,
        "BENCH_STARTED": str(folder / "started"),
        "BENCH_BLOCK_S": str(case.block[0]),
        "BENCH_BLOCK_EVERY_S": str(case.block[1]),
    }
    log = folder / "log"
    with log.open("wb") as file:
        reader = subprocess.Popen(_command(case, url, folder), stdout=file, stderr=file, env=environment() | more)
    try:
        yield reader
        reader.wait(END_S)
    finally:
        reader.kill()
        reader.wait()
    if reader.returncode:
        raise RuntimeError(f"{case.reader} ended with {reader.returncode}: {_last_words(folder)}")


def _command(case: Case, url: str, folder: Path) -> list[str]:
    match case.reader:
        case "tailgate":
            return tailgate.command(case.load, url, folder, tls=case.tls)
        case "bare":
            return [sys.executable, str(READERS / "bare.py")]
        case "aiohttp":
            return [sys.executable, str(READERS / "aiohttp_reader.py")]
    load = case.load
    rate, end_s = load.users / load.ramp_s, load.run_s + 2 * MARGIN_S + 8
    return [
        *(sys.executable, "-m", "locust", "-f", str(READERS / "locust_users.py"), "--headless", "--only-summary"),
        *("-u", str(load.users), "-r", f"{rate:g}", "-t", f"{end_s:g}s", "--exit-code-on-error", "3"),
    ]


def _watch(case: Case, reader: subprocess.Popen[bytes], provider: int, cores: Cores, folder: Path) -> Window:
    started_s = _started(reader, folder / "started")
    _demand_alive(case, reader, folder)
    pin(reader.pid, cores.client, first=cores.first)
    _sleep_until(started_s + case.load.ramp_s + case.load.settle_s + MARGIN_S)
    from_s, client, served, busy = time.perf_counter(), cpu_s(reader.pid), cpu_s(provider), busy_s(cores.client)
    seconds = [(from_s, client)]
    for number in range(1, int(case.load.window_s) + 1):
        _sleep_until(from_s + number)
        seconds.append((time.perf_counter(), cpu_s(reader.pid)))
    _sleep_until(from_s + case.load.window_s)
    _demand_alive(case, reader, folder)
    return Window(
        from_s=from_s,
        to_s=time.perf_counter(),
        seconds=seconds,
        client_s=cpu_s(reader.pid) - client,
        provider_s=cpu_s(provider) - served,
        busy_s=busy_s(cores.client) - busy,
        resident_kb=resident_kb(reader.pid),
    )


def _demand_alive(case: Case, reader: subprocess.Popen[bytes], folder: Path) -> None:
    """Raise RuntimeError with the reader's own words when it has ended before its time."""
    if reader.poll() is not None:
        raise RuntimeError(f"{case.reader} ended too soon: {_last_words(folder)}")


def _last_words(folder: Path) -> str:
    return (folder / "log").read_text(encoding="utf-8")[-2000:]


def _started(reader: subprocess.Popen[bytes], path: Path) -> float:
    deadline = time.perf_counter() + START_S
    while time.perf_counter() < deadline and reader.poll() is None:
        if path.exists() and (text := path.read_text(encoding="ascii")):
            return float(text)
        time.sleep(0.02)
    return time.perf_counter()


def _sleep_until(moment_s: float) -> None:
    time.sleep(max(moment_s - time.perf_counter(), 0.0))


def _result(case: Case, window: Window, truths: dict[str, Sent], folder: Path) -> Result:
    units = _units(case, window.from_s, window.to_s, truths)
    took_s = window.to_s - window.from_s
    counted = max(units, 1)
    reported = tailgate.reported(folder) if case.reader == "tailgate" else _reported(folder)
    return Result(
        reader=case.reader,
        units=units,
        client_us=window.client_s / counted * 1e6,
        provider_us=window.provider_s / counted * 1e6,
        client_cores=window.client_s / took_s,
        others_cores=max(window.busy_s - window.client_s, 0.0) / took_s,
        accuracy=compare(reported, truths) if case.load.stream and case.load.think_s == 0 else None,
        idle_kb=window.resident_kb,
        seconds_us=tuple(
            (used_s - before_s) / max(_units(case, from_s, to_s, truths), 1) * 1e6
            for (from_s, before_s), (to_s, used_s) in pairwise(window.seconds)
        ),
    )


def _units(case: Case, from_s: float, to_s: float, truths: dict[str, Sent]) -> int:
    if case.load.stream:
        return sum(truth.between(from_s, to_s) for truth in truths.values())
    return sum(from_s <= truth.arrived_s < to_s for truth in truths.values())


def _reported(folder: Path) -> Reported:
    with (folder / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row[1] == "1"]
    gaps = json.loads((folder / "gaps.json").read_text(encoding="ascii"))
    return Reported(
        {row[0]: float(row[3]) - float(row[2]) for row in rows}, Counter({int(k): v for k, v in gaps.items()})
    )
