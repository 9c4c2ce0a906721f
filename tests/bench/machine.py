"""The machine under the benchmark: which core does what, CPU time of a process, and how busy the others were."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("tailgate", "locust", "gevent", "geventhttpclient", "httptools", "aiohttp", "requests")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of the reader under test, the core of the provider, and whether both come before all other programs."""

    client: int
    server: int
    first: bool = False


def cores(*, first: bool = False) -> Cores:
    """Choose two cores that this process may use; on a machine with one, both are the same."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[-1], first)


def pin(pid: int, core: int, *, first: bool = False, rank: int = 1) -> None:
    """Keep a process, with all its threads, on one core.

    `first` = ahead of ordinary processes (needs privilege), and of those of a lower `rank`.
    """
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})
        if first:
            os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(rank))


def cpu_s(pid: int) -> float:
    """Give the CPU seconds, user and system, of all threads of a running process (Linux: its CPU clock by number)."""
    return time.clock_gettime((~pid << 3) | 2)


def busy_s(core: int) -> float:
    """Give the seconds for which a core has worked for anyone, interrupts included, or was taken by the host."""
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _, _, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) / TICKS_PER_S
    raise RuntimeError(f"/proc/stat has no cpu{core}")


def resident_kb(pid: int) -> float:
    """Give the memory that a process alone occupies (private clean and dirty pages), in units of 1,024 bytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return sum(float(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))


def describe() -> dict[str, object]:
    """Say what a figure depends on: processor, cores, kernel, load of others, versions."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
