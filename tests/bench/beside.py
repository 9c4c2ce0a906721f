"""What is measured outside of a trial: TLS connections, and memory per idle user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import tailgate
from bench.load import Load
from bench.machine import Cores
from bench.provider import Provider, environment
from bench.trial import READERS, Case, run


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
