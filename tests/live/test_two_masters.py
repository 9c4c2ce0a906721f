"""Two masters who load one endpoint at the same time, and begin in the very same second."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stories import SCENARIO
from three_hosts import Campaign, Host, Network, identity, impossible, wait_until

MASTERS = ("one", "other")
TRIES = 5


@pytest.fixture(scope="module")
def hosts() -> Iterator[dict[str, Host]]:
    """Give a host for each master, one for the workers of both, and the provider's."""
    if reason := impossible():
        pytest.skip(reason)
    with Network(*MASTERS, "crew", "provider", tag="two") as found:
        yield found


def begin(hosts: dict[str, Host], folder: Path) -> list[Campaign]:
    """Start the provider, and two masters with a worker each; wait until all is over.

    The masters are held until both workers knock, and let go early in a second: Locust then looks for workers a second
    later, in both at once.
    """
    runs = []
    for name in MASTERS:
        (folder / name).mkdir(parents=True)
        own = {"master": hosts[name], "crew": hosts["crew"], "provider": hosts["provider"]}
        runs.append(Campaign(own, folder / name, SCENARIO))
    runs[0].start_provider()
    try:
        for run in runs:
            run.start_master(1)
        for run in runs:
            log = run.folder / f"{run.hosts['master'].name}.log"
            wait_until(lambda log=log: b"Waiting for workers" in log.read_bytes(), "the master waits", run.said)
            run.processes["master"].send_signal(signal.SIGSTOP)
            run.start_worker("crew", results=folder / "crew")
        time.sleep(4)
        time.sleep(math.ceil(time.time()) + 0.2 - time.time())
        for run in runs:
            run.processes["master"].send_signal(signal.SIGCONT)
        for run in runs:
            assert {name: run.end(name) for name in ("master", "crew")} == {"master": 0, "crew": 0}, run.said()
    finally:
        for run in reversed(runs):
            run.close()
    return runs


def test_runs_that_began_in_the_same_second_are_put_together(
    hosts: dict[str, Host], tmp_path: Path, tailgate: Any
) -> None:
    """Their folders are called alike, their runs are not: rows stay apart on a shared disk, and merge to the truth."""
    for number in range(TRIES):
        runs = begin(hosts, tmp_path / str(number))
        names = {run.run_folder.name for run in runs}
        if len(names) == 1:
            break
    assert len(names) == 1
    kept = sorted(path.name for path in (tmp_path / str(number) / "crew").iterdir())
    assert kept == sorted(run.run_document()["run_id"] for run in runs)
    done = tailgate("collect", "--merge", *(run.run_folder for run in runs), "--results", tmp_path / "merged")
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "merged").iterdir()
    rows, merged = [row for run in runs for row in run.rows()], runs[0].rows(folder)
    truth = [row["request_id"] for row in runs[0].truth()]
    assert sorted(identity(row) for row in rows if row["sent_s"]) == sorted(truth)
    assert (len(merged), len(merged) > 100) == (len(rows), True)
    assert {row["worker"] for row in merged} == {"m1-w0", "m2-w0"}
