"""Stories of distributed runs, several told at once: each has hosts of its own, and mostly waits.

A test is marked with its `story`; its fixture `told` gives the run as the story left it.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from three_hosts import Campaign, Network, identity, impossible, wait_until

from scenarios.server_timings import FILE

AT_ONCE = 3
"""More would make one another late on two cores."""

SCENARIO: dict[str, Any] = {
    "provider": {"ttft": "50ms", "tokens_per_second": 200, "output_tokens": 20, "timings": "llama_cpp"},
    "traffic": {
        "users": 20,
        "ramp": "1s",
        "warm_up": "1s",
        "steady": "14s",
        "drain": "5s",
        "think_time": "200ms",
    },
}
NUMBERS = itertools.count(1)

Story = Callable[[Campaign], None]


@dataclass
class Told:
    """A run after its story: exit codes by host, and the rows that it has against what the provider was asked."""

    run: Campaign
    codes: dict[str, int]
    rows: list[dict[str, str]] = field(default_factory=list)
    truth: dict[str, dict[str, str]] = field(default_factory=dict)
    doubled: int = 0
    missing: dict[str, dict[str, str]] = field(default_factory=dict)
    unknown: dict[str, dict[str, str]] = field(default_factory=dict)

    def balance(self, folder: Path | None = None) -> tuple[int, int, int]:
        """Give the rows counted twice, the requests without a row, the rows without a request.

        What the server told of its own time belongs to the row of each answer, once.
        """
        self.rows = self.run.rows(folder)
        self.truth = {row["request_id"]: row for row in self.run.truth()}
        sent = [row for row in self.rows if row["sent_s"]]
        names = [identity(row) for row in sent]
        numbers = [(row["worker"], row["seq"]) for row in self.rows]
        self.doubled = len(names) - len(set(names)) + len(numbers) - len(set(numbers))
        self.doubled += len(self.run.truth()) - len(self.truth)
        told_of = [(row["worker"], row["seq"]) for row in self.run.rows(folder, FILE)]
        self.doubled += len(told_of) - len(set(told_of))
        self.missing = {name: row for name, row in self.truth.items() if name not in set(names)}
        answered = [row for row in self.rows if row["outcome"] in ("ok", "ok_length")]
        self.missing |= {identity(row): row for row in answered if (row["worker"], row["seq"]) not in set(told_of)}
        # An attempt that was cut off before its request was out is a row that the provider knows nothing of.
        self.unknown = {
            name: row
            for name, row in zip(names, sent, strict=True)
            if name not in self.truth and row["outcome"] != "in_flight"
        }
        return self.doubled, len(self.missing), len(self.unknown)

    def worker(self, host: str) -> dict[str, Any]:
        """Give what run.json says of the worker on a host."""
        (found,) = (each for each in self.run.run_document()["workers"] if each["host"] == host)
        return found

    def absence(self, host: str, why: str) -> dict[str, Any]:
        """Give the last stretch without the worker on a host: on a busy machine there may be others before."""
        found: dict[str, Any] = [each for each in self.worker(host)["absences"] if each["why"] == why][-1]
        return found

    def busy(self, from_s: float, to_s: float) -> set[str]:
        """Give the users who began turns in a stretch of the run."""
        return {row["user_id"] for row in self.rows if from_s <= float(row["intended_s"]) < to_s}


def story(what_happens: Story, **traffic: str) -> pytest.MarkDecorator:
    """Mark a test with its story; `traffic` changes that of the scenario."""
    return pytest.mark.story.with_args(what_happens, **traffic)


class Stage:
    """Tells stories, some at once; each anew when a test is tried again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._ready: dict[str, Future[Told]] = {}

    def announce(self, item: pytest.Item) -> None:
        """Put a test's story in line."""
        if mark := item.get_closest_marker("story"):
            self._ready[item.nodeid] = self._pool.submit(self._tell, *mark.args, **mark.kwargs)

    def told(self, item: pytest.Item) -> Told:
        """Give the run of a test."""
        if item.nodeid not in self._ready:
            self.announce(item)
        return self._ready.pop(item.nodeid).result()

    def close(self) -> None:
        """End; what nobody waits for any more is not begun."""
        self._pool.shutdown(cancel_futures=True)

    def _tell(self, story: Story, **traffic: str) -> Told:
        folder = self._folder / f"story-{next(NUMBERS)}"
        folder.mkdir()
        scenario = {**SCENARIO, "traffic": {**SCENARIO["traffic"], **traffic}}
        with Network("master", "left", "right", "provider", tag=folder.name) as hosts:
            run = Campaign(hosts, folder, scenario)
            try:
                story(run)
                names = [name for name in run.processes if name != "provider"]
                return Told(run, {name: run.end(name) for name in names})
            finally:
                run.close()


def stage(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    """Give a stage on which the stories of all tests of this module are in line."""
    if reason := impossible():
        pytest.skip(reason)
    found = Stage(folder)
    for item in request.session.items:
        if item.path == request.path:
            found.announce(item)
    yield found
    found.close()


def plain(run: Campaign) -> None:
    """Let nothing happen."""
    run.start("left", "right")


def after_load(run: Campaign, seconds: float = 4.0) -> None:
    """Start, and let the load last for a while."""
    run.start("left", "right")
    time.sleep(seconds)


def nap(run: Campaign, *names: str, seconds: float = 10.0) -> None:
    """Let processes sleep as a suspended machine does."""
    for name in names:
        run.processes[name].send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    for name in names:
        run.processes[name].send_signal(signal.SIGCONT)


def cut(run: Campaign, host: str, seconds: float = 10.0) -> None:
    """Pull a host's cable, and plug it in again."""
    run.hosts[host].cut()
    time.sleep(seconds)
    run.hosts[host].mend()


def until_phase(run: Campaign, phase: str, seconds: float) -> None:
    """Wait until some time after a phase's beginning, as the workers know it."""
    run.wait_for_load()
    wait_until(lambda: run.phase_start_s(phase) is not None, f"the phase {phase} is known", run.said)
    start_s = run.phase_start_s(phase)
    assert start_s is not None
    time.sleep(max(start_s + seconds - time.monotonic(), 0.0))
