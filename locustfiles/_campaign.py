"""One run as one process sees it: the scenario, the run's clock and schedule, its lanes, and where rows go."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from locustfiles import _gaps
from locustfiles._answers import Answers, own_path
from locustfiles._client import Destination, destination
from locustfiles._clock import RunClock
from locustfiles._gaps import Gaps
from locustfiles._gate import Gate
from locustfiles._health import Health
from locustfiles._holds import Hold
from locustfiles._kernel_clock import KERNEL_CLOCK
from locustfiles._lane import Lane, label
from locustfiles._recorder import OnBatch, Recorder
from locustfiles._schedule import Schedule
from locustfiles._turns import Lesson
from scenarios.classes import cases_of, kinds_of
from scenarios.gaps import window_s
from scenarios.quality import Quality
from scenarios.records import SUCCESSFUL, Attempt, Outcome

if TYPE_CHECKING:
    from locust.env import Environment

    from locustfiles._order import Order
    from locustfiles._trace import Trace
    from scenarios.scenario import Scenario

REFUSED_FOR_NOW = frozenset({Outcome.THROTTLED, Outcome.OVERLOADED, Outcome.GAVE_UP})


COLLECTED = (5_000, 50, 1_000)
"""Thresholds of the garbage collector: hardly anything here forms cycles, and to walk 5,000 objects is no delay."""


@dataclass(slots=True)
class Campaign:
    """The state of a run that users share. The process without users (a master) has no recorder."""

    scenario: Scenario
    run_id: str
    worker: str
    folder: Path
    clock: RunClock
    schedule: Schedule
    recorder: Recorder
    gaps: Gaps
    answers: Answers
    health: Health
    environment: Environment
    kinds: Mapping[str, str] = field(default_factory=dict)
    """By case."""
    lanes: dict[str, Lane] = field(default_factory=dict)
    """By label."""
    on_hold: Callable[[Hold], None] = lambda _: None
    """Hears of each refusal of a key, for those who use it elsewhere."""

    def lane_of(self, endpoint: str) -> Lane:
        """Give the lane on which the endpoint is loaded now."""
        return self.lanes[label(endpoint, self.schedule.arm_at(endpoint, self.clock.now()))]

    def take_turns(self, place: int, places: int, waiting: Mapping[str, int]) -> None:
        """Share each key's limit with other workers, evenly, as their users are; `waiting` are those, by lane."""
        for name, lane in self.lanes.items():
            if lane.gate is not None:
                lane.gate.turns.seat(place, places)
                lane.gate.waiting = waiting.get(name, 0)

    def tell_refusal(self, lane: Lane, wait_s: float, passed_s: float) -> None:
        """Say that a request of the lane was refused which passed at the `perf_counter` stamp `passed_s`."""
        assert lane.gate is not None
        passed_s -= self.clock.epoch_monotonic_s
        self.on_hold(Hold(lane.label, passed_s, self.clock.now() + wait_s, *lane.gate.lesson))

    def hold(self, hold: Hold) -> None:
        """Close a gate, because of a refusal elsewhere."""
        gate, epoch_s = self.lanes[hold.lane].gate, self.clock.epoch_monotonic_s
        if gate is not None:
            gate.hold(epoch_s + hold.until_s, epoch_s + hold.passed_s, Lesson(hold.wall, hold.guessed, hold.place))

    def record(self, lane: Lane, attempt: Attempt, trace: Trace) -> None:
        """Complete an attempt's row and hand it to the recorder."""
        attempt.phase = self.schedule.phase_at(attempt.endpoint, attempt.arm, attempt.intended_s)
        kind = self.kinds.get(attempt.case_id, "")
        attempt.gap_max_s = self.gaps.record(attempt, kind, self.clock.now(), trace.arrivals, trace.merged)
        self.health.note(attempt, trace.merged)
        self.recorder.append(attempt, trace.timings)
        tally = lane.tally
        tally.refusals += attempt.outcome in REFUSED_FOR_NOW
        tally.input_tokens += attempt.input_tokens or 0
        tally.cached_input_tokens += attempt.cached_input_tokens or 0
        tally.output_tokens += attempt.output_tokens or 0

    def report_turn(self, lane: Lane, last: Attempt) -> None:
        """Tell Locust of a finished turn: its response time as `CHAT`, and its first token as `TTFT`."""
        failed = last.outcome not in SUCCESSFUL
        tally = lane.tally
        tally.turns += 1
        tally.failed += failed
        tally.throttled += last.waited_s is not None or last.outcome in REFUSED_FOR_NOW
        end_s = last.last_token_s or last.end_s or self.clock.now()
        fire = self.environment.events.request.fire
        context = {"endpoint": last.endpoint, "turn_id": last.turn_id, "outcome": str(last.outcome)}
        fire(
            request_type="CHAT",
            name=lane.label,
            response_time=(end_s - last.intended_s) * 1000,
            response_length=last.bytes_in,
            exception=TurnFailedError(last) if failed else None,
            context=context,
            start_time=time.time() - (end_s - last.intended_s),
            url=lane.destination.endpoint.url,
            response=None,
        )
        if not failed and last.first_token_s is not None and last.sent_s is not None:
            ttft_ms = (last.first_token_s - last.sent_s) * 1000
            fire(request_type="TTFT", name=lane.label, response_time=ttft_ms, response_length=0, exception=None,
                 context=context, start_time=time.time(), url=None, response=None)  # fmt: skip

    def close(self) -> None:
        """Write what is left, and let go of files and timers."""
        self.recorder.close()
        self.health.close()


class TurnFailedError(Exception):
    """A turn without an answer, as Locust's failure table shows it."""

    def __init__(self, last: Attempt) -> None:
        detail = last.error_code or (f"http_{last.http_status}" if last.http_status not in (None, 200) else "")
        super().__init__(f"{last.outcome} ({detail})" if detail else str(last.outcome))


def _lane(scenario: Scenario, where: Destination, arm: str) -> Lane:
    return Lane(where.name, arm, scenario, where, _gate(scenario))


def _gate(scenario: Scenario) -> Gate | None:
    throttle = scenario.throttle
    if throttle.policy != "honor" or throttle.scope != "key":
        return None
    return Gate(throttle.pace)


def _settle_memory() -> None:
    """Keep the garbage collector from walking what lives for ever: that takes 30 ms, in which nothing is read."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED)


def begin(
    order: Order, worker: str, folder: Path, environment: Environment, on_batch: OnBatch | None = None
) -> Campaign:
    """Open a run on the process that has users."""
    folder.mkdir(parents=True, exist_ok=True)
    KERNEL_CLOCK.measure()
    _settle_memory()
    scenario = order.scenario
    stream = scenario.conversation.stream
    destinations = {
        name: destination(name, endpoint, order.urls[name], stream=stream)
        for name, endpoint in scenario.endpoints.items()
    }
    lanes = [_lane(scenario.for_arm(arm), destinations[endpoint], arm) for endpoint, arm in scenario.pairs]
    clock, schedule = RunClock(order.epoch_unix_s, order.epoch_monotonic_s), Schedule()
    health = Health(lambda: schedule.span_at(clock.now()))
    return Campaign(
        scenario=scenario,
        run_id=order.run_id,
        worker=worker,
        folder=folder,
        clock=clock,
        schedule=schedule,
        recorder=Recorder(folder, worker, on_batch, lambda: health.read_until),
        gaps=Gaps(order.run_id, worker, window_s(scenario.traffic.steady), _gaps.own_path(folder, worker)),
        answers=Answers(scenario.seed, (scenario.quality or Quality()).keep, own_path(folder, worker)),
        health=health,
        environment=environment,
        kinds=kinds_of(cases_of(scenario.conversation.prompts)),
        lanes={lane.label: lane for lane in lanes},
    )
