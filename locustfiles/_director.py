"""The process that leads a run, alone or as a master: it opens the run folder, walks the phases, closes the books."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from gevent.lock import BoundedSemaphore

from locustfiles import _answers, _disturbance, _folder, _gaps
from locustfiles._client import raise_file_limit
from locustfiles._clock import RunClock
from locustfiles._crew import Alone, Crew
from locustfiles._lane import label
from locustfiles._locust_stats import RunStats
from locustfiles._order import Order
from locustfiles._report import WorkerReport
from locustfiles._run_document import run_document, warnings
from locustfiles._schedule import DRAIN, STEADY, WARM_UP, Schedule, Span
from scenarios.errors import ExitCode, TailgateError
from scenarios.plan import Stage, phases
from scenarios.simulator.process import Simulator

if TYPE_CHECKING:
    from locust import User
    from locust.env import Environment

    from scenarios.scenario import Scenario

Tick = tuple[int, float, "list[type[User]]"]

COLLECT_TIMEOUT_S = 30.0
SETTLE_S = 1.5
"""Locust rewrites its CSV files once a second: its tables are complete this long after the last request."""

log = logging.getLogger("tailgate")


@dataclasses.dataclass(frozen=True, slots=True)
class Overrides:
    """What Locust's `-u`, `-r` and `-t` say, where they were given."""

    users: int | None = None
    spawn_rate: float | None = None
    run_time_s: float | None = None

    def check(self) -> None:
        """Refuse what would load nothing; Locust itself would only print a traceback and wait. Raises TailgateError."""
        given = {"--users": self.users, "--spawn-rate": self.spawn_rate, "--run-time": self.run_time_s}
        wrong = [f"{option} {value}" for option, value in given.items() if value is not None and value <= 0]
        if wrong:
            raise TailgateError(f"{', '.join(wrong)}: write a number above 0")


class Director:
    """Leads one run at a time."""

    def __init__(self, environment: Environment, scenario: Scenario, results: Path, crew: Crew) -> None:
        self.environment = environment
        self.scenario = scenario
        self.results = results
        self.crew = crew
        self.overrides = Overrides()
        self.schedule = Schedule()
        self.clock = RunClock(time.time())
        self.folder: Path | None = None
        self.order: Order | None = None
        self.failure: TailgateError | None = None
        self._finished = False
        self._simulator: Simulator | None = None
        self._stats: RunStats | None = None
        self._users: dict[str, int] = {}
        self._ticks: Iterator[Tick] | None = None
        self._books = BoundedSemaphore()  # a Ctrl-C while they are opened or closed waits until that is done

    def open(self) -> None:
        """Begin a run: folder, simulated endpoints, crew. A failure is kept, and ends the walk."""
        self.failure, self._finished, self.schedule = None, False, Schedule()
        try:
            with self._books:
                self._open()
        except TailgateError as error:
            self.failure = error
            log.error("%s", error)  # noqa: TRY400 - a person's mistake needs no traceback

    def _open(self) -> None:
        self.overrides.check()
        if isinstance(self.crew, Alone):
            raise_file_limit(self.overrides.users or self.scenario.traffic.users)
        now = datetime.now(UTC)
        self.folder = _folder.create(self.results, _folder.name_for(self.scenario.name, now))
        urls = self._start_simulator(self.folder)
        epoch_unix_s = time.time()
        self.clock = RunClock(epoch_unix_s)
        run_id = _folder.run_id_for(self.folder)
        self.order = Order(self.scenario, run_id, self.folder.name, epoch_unix_s, self.clock.epoch_monotonic_s, urls)
        self._write_run([], {}, interrupted=True)  # workers on this machine know the folder by it
        self.crew.open(self.order, self.folder)
        self._stats = RunStats(self.environment, self.folder)
        for warning in warnings(self.scenario):
            log.warning("%s", warning)

    @property
    def _failed(self) -> bool:
        return self.failure is not None

    def give_up(self, error: Exception) -> None:
        """End the run because a user broke off: a defect of Tailgate, which would only repeat itself."""
        if self.failure is None:
            self.failure = TailgateError(f"internal error: {error!r}", ExitCode.INTERNAL_ERROR)

    def close(self) -> None:
        """End a run: rows, statistics, `run.json`."""
        self._ticks = None
        with self._books:
            self._close()

    def _close(self) -> None:
        if self.order is None or self.folder is None:
            return
        self._note_breakdown()
        reports = self.crew.collect(COLLECT_TIMEOUT_S)
        if self._simulator:
            self._simulator.stop()
        if not self._finished:
            self.schedule.cut(self.clock.now())
        try:
            self._write(self.folder, reports)
        except OSError as error:
            self._fail_to_write(error)
        policy = self.scenario.traffic.on_worker_loss
        disturbed = next(_disturbance.reasons(reports, self.schedule.spans, self.clock.now(), policy), "")
        if disturbed and not self._failed:
            self.failure = TailgateError(disturbed, ExitCode.INVALID)
            log.error("the run is invalid: %s", disturbed)
        self.order = self._stats = self._simulator = None

    def _write(self, folder: Path, reports: list[WorkerReport]) -> None:
        _gaps.write(folder, {report.worker: report.gaps for report in reports})
        _answers.write(folder, {report.worker: report.answers for report in reports})
        if self._stats:
            self._stats.close()
        self._write_run(reports, self.crew.stop_reasons(), interrupted=not self._finished)

    def _fail_to_write(self, error: OSError) -> None:
        """Say that the folder is not whole, once; what was written before stays as it is."""
        where = "" if isinstance(self.crew, Alone) else "; bring the workers' folders together with tailgate collect"
        told = f"{self.folder}: cannot be written ({error.strerror}): the run is incomplete{where}"
        log.error("%s", told)
        if not self._failed:
            self.failure = TailgateError(told, ExitCode.INVALID)

    def tick(self) -> Tick | None:
        """Give Locust the next user count; None ends the run."""
        self._note_breakdown()
        if self._ticks is None:
            self._ticks = self.walk()
        return next(self._ticks, None)

    def _note_breakdown(self) -> None:
        """End the run when the crew can't go on."""
        if self.order is not None and not self._failed and (reason := self.crew.breakdown()):
            self.failure = TailgateError(reason, ExitCode.INVALID)
            log.error("%s", reason)

    def walk(self) -> Iterator[Tick]:
        """Give Locust's user counts, tick by tick, endpoint after endpoint, until all is done."""
        self.failure = None
        while self.order is None and self.failure is None:
            yield 0, 1.0, []  # Locust opens the test with the first tick
        if not self._failed:
            plan = self._plan()
            self._users = {label(stages[0].endpoint, stages[0].arm): stages[0].users for stages in plan}
            for stages in plan:
                if not self._failed:
                    yield from self._walk_lane(stages)
            self._finished = not self._failed
            settled = self.clock.now() + SETTLE_S
            while self.clock.now() < settled:
                yield 0, 1.0, []

    def _walk_lane(self, stages: list[Stage]) -> Iterator[Tick]:
        user_class, lane = self._user_class(stages[0].endpoint), label(stages[0].endpoint, stages[0].arm)
        users, spawn_rate = stages[0].users, stages[0].spawn_rate
        steady, drain = self._publish(stages)
        while self.clock.now() < steady.end_s and not self._failed:
            if lane in self.crew.stop_reasons():
                steady, drain = self._cut_short(steady, drain)
            yield users, spawn_rate, [user_class]
        if self._failed:
            steady, drain = self._cut_short(steady, drain)
        while self.clock.now() < drain.end_s and (self.crew.active(lane) or self.clock.now() < steady.end_s + SETTLE_S):
            yield users, spawn_rate, [user_class]
        self._put(dataclasses.replace(drain, end_s=self.clock.now()))
        with contextlib.suppress(OSError):  # a full disk is told when the run ends: there may be room again
            self._write_run([], self.crew.stop_reasons(), interrupted=True)
        yield 0, float(users), [user_class]

    def _plan(self) -> list[list[Stage]]:
        """Give the stages of each endpoint and arm to be loaded in each round, in order."""
        given = self.overrides
        classes = {user_class.endpoint for user_class in self.environment.user_classes}
        chosen = [endpoint for endpoint in self.scenario.endpoints if endpoint in classes]
        stages = phases(self.scenario, chosen, given.users, given.spawn_rate, given.run_time_s)
        together = attrgetter("round", "endpoint", "arm")
        return [list(group) for _, group in groupby(stages, key=together)]

    def _user_class(self, endpoint: str) -> type[User]:
        by_endpoint: dict[str, type[User]] = {each.endpoint: each for each in self.environment.user_classes}
        return by_endpoint[endpoint]

    def _publish(self, stages: list[Stage]) -> tuple[Span, Span]:
        """Lay the phases end to end from now on; the ramp belongs to the warm-up."""
        bounds = [self.clock.now()]
        for phase in (WARM_UP, STEADY, DRAIN):
            bounds.append(bounds[-1] + sum(stage.duration_s for stage in stages if stage.phase == phase))
        spans = [
            Span(stages[0].endpoint, stages[0].arm, phase, start, end, stages[0].round)
            for phase, start, end in zip((WARM_UP, STEADY, DRAIN), bounds, bounds[1:], strict=False)
        ]
        self._put(*spans)
        return spans[1], spans[2]

    def _cut_short(self, steady: Span, drain: Span) -> tuple[Span, Span]:
        now = self.clock.now()
        steady = dataclasses.replace(steady, start_s=min(steady.start_s, now), end_s=now)
        drain = dataclasses.replace(drain, start_s=now, end_s=now + drain.end_s - drain.start_s)
        self._put(steady, drain)
        return steady, drain

    def _put(self, *spans: Span) -> None:
        self.schedule.put(spans)
        self.crew.publish(spans)

    def _start_simulator(self, folder: Path) -> dict[str, str]:
        urls = {name: endpoint.url or "" for name, endpoint in self.scenario.endpoints.items()}
        if any(endpoint.simulated for endpoint in self.scenario.endpoints.values()):
            self._simulator = Simulator(self.scenario, truth=folder / "truth.csv")
            self._simulator.start()
            urls.update(self._simulator.urls)
        return urls

    def _write_run(self, reports: list[WorkerReport], stop_reasons: Mapping[str, str], *, interrupted: bool) -> None:
        assert self.folder is not None
        assert self.order is not None
        broken = self.failure is not None and self.failure.code is ExitCode.INVALID
        document = run_document(
            self.order,
            self.clock,
            self.schedule,
            reports,
            stop_reasons,
            interrupted=interrupted,
            breakdown=str(self.failure) if broken else "",
        )
        _folder.write_json(
            self.folder / "run.json", {**document, "users": self._users, "strangers": self.crew.strangers}
        )
