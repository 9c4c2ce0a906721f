"""What stands where Locust's own parts stood. In processes of their own: Locust patches the one it is in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def holds(program: str) -> str:
    """Run a program; give what it complained of."""
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False).stderr


def test_a_dispatcher_that_moved_users_is_done() -> None:
    """Locust's own says for ever that it is at work, and then moves no users for the next worker."""
    program = """
from locust import User
from locust.dispatch import UsersDispatcher
from locust.runners import WorkerNode
from locustfiles._dispatcher import Dispatcher

def in_progress(kind):
    workers = [WorkerNode("a_0"), WorkerNode("b_0")]
    dispatcher = kind(workers, [type("E", (User,), {})])
    dispatcher.new_dispatch(4, 4.0)
    assert list(dispatcher)[-1] == {"a_0": {"E": 2}, "b_0": {"E": 2}}
    dispatcher.remove_worker(workers[1])
    dispatcher.new_dispatch(4, 4.0)
    assert list(dispatcher)[-1] == {"a_0": {"E": 4}}
    return dispatcher.dispatch_in_progress

assert (in_progress(UsersDispatcher), in_progress(Dispatcher)) == (True, False)
"""
    assert holds(program) == ""


def test_a_step_of_the_wall_clock_does_not_reach_locust() -> None:
    """Ticks, orders and statistics go by a clock that does not step; both modules ask `time` for nothing else."""
    program = """
import re, time
from pathlib import Path
import locust.runners, locust.stats
from locustfiles._steady_time import STEADY_TIME, install

install()
true = time.time
time.time = lambda: true() - 120
for module in (locust.runners, locust.stats):
    assert abs(module.time.time() - true()) < 0.1
    assert set(re.findall(r"\\btime\\.(\\w+)\\(", Path(module.__file__).read_text())) == {"time"}
"""
    assert holds(program) == ""


def test_a_worker_counts_by_its_masters_wall_clock() -> None:
    """Whatever its own says: a master adds up what its workers stamped."""
    program = """
import time
from locustfiles._clock import RunClock
from locustfiles._steady_time import SteadyTime

steady = SteadyTime()
steady.follow(RunClock(1_000_000.0, time.perf_counter() - 5))
assert abs(steady.time() - 1_000_005.0) < 0.1
"""
    assert holds(program) == ""
