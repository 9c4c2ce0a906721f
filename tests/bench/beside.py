"""What is measured outside of a trial: TLS connections, memory per idle user, the speed of a report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import tailgate
from bench.load import Load
from bench.machine import Cores
from bench.provider import Provider, environment
from bench.trial import READERS, Case, run

REPORT_TURNS = 20_000
MAKE_RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from synthetic import Plan, write_run
write_run(Path(sys.argv[2]), Plan(turns=int(sys.argv[3]), steady_s=600))
"""


def tls_connection_ms(cores: Cores) -> float:
    """Give the CPU milliseconds that opening one of 500 TLS connections takes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with Provider(Load().provider(), folder, cores, tailgate.certificate(folder)) as provider:
            given = {"BENCH_URL": provider.url, "BENCH_CA_FILE": str(folder / tailgate.CA_FILE)}
            done = subprocess.run(
                [sys.executable, str(READERS / "tls_open.py")],
                env=environment() | given,
                preexec_fn=lambda: os.sched_setaffinity(0, {cores.client}),
                stdout=subprocess.PIPE,
                check=True,
            )
    return float(json.loads(done.stdout)["cpu_ms_each"])


def idle_user_kb(cores: Cores, users: int = 500) -> float:
    """Give the memory of each chat user beyond the first, after its first turn and with its connection open."""
    one = run(Case("tailgate", Load.idle(1)), cores).idle_kb
    many = run(Case("tailgate", Load.idle(users + 1)), cores).idle_kb
    return (many - one) / users


def report_rows_per_s() -> float:
    """Give how many attempts a second `tailgate report` reads, computes and renders, start of the program included."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name) / "run"
        folder.mkdir()
        maker = Path(__file__).parents[1] / "analysis"
        command = [sys.executable, "-c", MAKE_RUN, str(maker), str(folder), str(REPORT_TURNS)]
        subprocess.run(command, env=environment(), check=True)
        with (folder / "attempts.csv").open(encoding="utf-8") as file:
            rows = sum(1 for _ in file) - 1
        started_s = time.perf_counter()
        command = [sys.executable, "-m", "analysis.cli", "report", str(folder)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"tailgate report ended with {done.returncode}: {done.stderr[-2000:]}")
        return rows / (time.perf_counter() - started_s)
