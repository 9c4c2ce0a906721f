"""A Locust worker's side of a run: it takes the order, makes the rows, and sends them to the master in parcels."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import zmq
from gevent.lock import RLock
from locust.rpc import Message

from locustfiles import _campaign, _folder, _own_files
from locustfiles import _messages as messages
from locustfiles._holds import SAME_S, Hold, Holds
from locustfiles._load import Load
from locustfiles._order import Order
from locustfiles._recorder import Batch
from locustfiles._report import WorkerReport, report_of
from locustfiles._roll import READ_MARGIN_S
from locustfiles._schedule import Span
from locustfiles._shipping import Shipper, to_document
from locustfiles._silence import TICK_S
from locustfiles._steady_time import STEADY_TIME
from locustfiles._users import user_classes
from scenarios.errors import ExitCode, TailgateError

if TYPE_CHECKING:
    from locust import User
    from locust.env import Environment
    from locust.runners import WorkerRunner

    from locustfiles._campaign import Campaign
    from locustfiles._worker_link import Ear

STATUS_S = 1.0
CLOCK_S = 30.0
CLOCK_PINGS, CLOCK_PING_S, PONG_S = 8, 0.02, 0.25
PAUSE_AFTER_S = 3.5
"""Without a word of the master, which speaks once a second, the load stops within 5 s of its end."""
GONE_AFTER_S = 30.0
"""Then it is not coming back: rows stay here."""
DELIVER_S = 30.0
LEAVE_S = 10.0
"""An evicted worker has some 30 s; most of them belong to Locust and to the machine."""

log = logging.getLogger("tailgate")


class Worker:
    """Begins a campaign when the master orders one, and ends it when the master collects, or when it is gone."""

    def __init__(self, environment: Environment, results: Path, base: type[User]) -> None:
        self._environment = environment
        self._results = results
        self._base = base
        self._campaign: Campaign | None = None
        self._order: Order | None = None
        self._folder: Path | None = None
        self._shipper: Shipper | None = None
        self._holds = Holds(self._say_holds)
        self._collected: dict[str, Any] | None = None
        self._finishing = RLock()
        self._load = Load(environment)
        for kind, listener in (
            (messages.ORDER, self._on_order),
            (messages.BEAT, self._on_beat),
            (messages.RECEIVED, self._on_received),
            (messages.COLLECT, lambda **_: gevent.spawn(self._finish)),
        ):
            self._runner.register_message(kind, listener)
        environment.events.test_stop.add_listener(lambda **_: gevent.spawn(self._finish))
        environment.events.quitting.add_listener(self._on_quitting)
        importlib.import_module("genai_prices")  # takes a second, in which no user should be kept waiting
        for loop in (self._send_status_forever, self._compare_clocks_forever, self._watch_forever):
            gevent.spawn(loop)
        self._ear.attached = True

    @property
    def campaign(self) -> Campaign:
        """The open campaign."""
        assert self._campaign is not None
        return self._campaign

    @property
    def _runner(self) -> WorkerRunner:
        return self._environment.runner

    @property
    def _ear(self) -> Ear:
        ear: Ear = self._runner.client.ear
        return ear

    def _say(self, kind: str, data: dict[str, Any]) -> None:
        run_id = self._order.run_id if self._order else ""
        self._runner.client.send(Message(kind, {"run_id": run_id, **data}, self._runner.client_id))

    def _on_order(self, msg: Any, **_: Any) -> None:
        order = Order.from_document(msg.data["order"], self._ear.clock.offset_s)
        if self._order is not None and order.run_id == self._order.run_id:
            return
        self._order, self._collected, self._holds = order, None, Holds(self._say_holds)
        self._environment.user_classes[:] = user_classes(self._base, order.scenario).values()
        self._shipper = Shipper(self._send_rows)
        try:
            self._folder = _folder.of_worker(self._results, order.folder, order.run_id)
            self._campaign = _campaign.begin(
                order, msg.data["worker"], self._folder, self._environment, self._shipper.give
            )
            self._campaign.on_hold = self._tell
            self._hear(msg.data)
        except (TailgateError, OSError) as error:
            self._refuse(str(error))
            return
        STEADY_TIME.follow(self._campaign.clock)
        self._load.pauses.clear()
        self._ear.has_order = True

    def _refuse(self, reason: str) -> None:
        self._say(messages.REFUSED, {"reasons": [reason]})
        sys.stderr.write(f"this worker can't take part: {reason}\n")
        gevent.sleep(0.2)
        sys.exit(int(ExitCode.USAGE))

    def _on_beat(self, msg: Any, **_: Any) -> None:
        if self._campaign is not None:
            self._hear(msg.data)
        self._on_received(msg)

    def _on_received(self, msg: Any, **_: Any) -> None:
        if self._shipper is not None:
            self._shipper.receive(msg.data["received"])

    def _hear(self, word: dict[str, Any]) -> None:
        """Take what the master says again and again: phases, and what holds for the limits of keys."""
        self._put([Span(**document) for document in word["spans"]])
        self.campaign.take_turns(word["place"], word["places"], word["waiting"])
        if self._shipper is not None:
            self._shipper.share(word["workers"])
        for hold in (Hold(**document) for document in word["holds"]):
            sure = replace(hold, until_s=hold.until_s + self._ear.clock.error_s)
            if sure.until_s > self.campaign.clock.now() and self._holds.learn(sure):
                self.campaign.hold(sure)

    def _tell(self, hold: Hold) -> None:
        self._holds.tell(replace(hold, until_s=hold.until_s + SAME_S + self._ear.clock.error_s))

    def _say_holds(self) -> None:
        if self._campaign is not None:
            holds = self._holds.current(self._campaign.clock.now())
            self._say(messages.HOLDS, {"holds": [asdict(hold) for hold in holds if not hold.source]})

    def _put(self, spans: Sequence[Span]) -> None:
        campaign = self.campaign
        if set(spans) - set(campaign.schedule.spans) or not spans:
            campaign.schedule.put(spans)
            assert self._order is not None
            _own_files.write_run(campaign, self._order, None)

    def _finish(self, *, leaving: bool = False, deliver_s: float = DELIVER_S) -> bool:
        """End the rows and deliver them; tell whether the master has them all. A second call says it all again."""
        with self._finishing:
            if self._campaign is not None:
                stopped_s, users = self._campaign.clock.now(), self._runner.user_count
                self._load.stop()
                report = self._close(self._campaign)
                self._campaign, self._ear.has_order = None, False
                self._collected = {"report": asdict(report), "leaving": leaving, "stopped_s": stopped_s, "users": users}
            if self._collected is None or self._shipper is None:
                return True
            delivered = self._shipper.drain(deliver_s)
            self._runner._send_stats()  # noqa: SLF001 - Locust has no public way to send them now
            self._say(messages.COLLECTED, self._collected)
            return delivered

    def _close(self, campaign: Campaign) -> WorkerReport:
        self._compare_clocks()
        campaign.close()
        report = report_of(campaign)
        report.clock_offset_s = self._ear.clock.drift_s
        report.clock_error_s = self._ear.clock.error_s
        report.wall_clock_offset_s = self._ear.wall_offset_s
        report.pauses = self._load.pauses_by(campaign.clock)
        assert self._order is not None
        _own_files.write_run(campaign, self._order, report)
        return report

    def _on_quitting(self, **_: Any) -> None:
        """Leave with all rows delivered, or say where they are; Locust's listening ends when the master says quit."""
        listening = len(self._runner.greenlet) > 0
        folder = self._folder
        if self._finish(leaving=True, deliver_s=LEAVE_S if listening else 0.0) or folder is None:
            return
        sys.stderr.write(_kept(folder, "this worker ends with rows that the master does not have"))
        self._environment.process_exit_code = int(ExitCode.INVALID)

    def _send_rows(self, batches: Sequence[Batch]) -> None:
        if self._order is None:
            return
        epoch_s = self._order.epoch_monotonic_s
        self._say(messages.ROWS, {"batches": [to_document(batch, epoch_s) for batch in batches]})

    def _send_status_forever(self) -> None:
        while True:
            gevent.sleep(STATUS_S)
            if (campaign := self._campaign) is None:
                self._say(messages.STATUS, {"rows": 0, "users": 0, "complete_s": 0.0})
                continue
            lanes = campaign.lanes
            status = {
                "rows": campaign.recorder.rows,
                "complete_s": campaign.health.read_until - campaign.clock.epoch_monotonic_s - READ_MARGIN_S,
                "users": self._runner.user_count,
                "active": {name: lane.active for name, lane in lanes.items()},
                "tallies": {name: asdict(lane.tally) for name, lane in lanes.items()},
                "waiting": {name: lane.gate.queue for name, lane in lanes.items() if lane.gate and lane.gate.queue},
                "stop_reasons": {name: lane.stop_reason for name, lane in lanes.items() if lane.stop_reason},
            }
            self._say(messages.STATUS, status)

    def _compare_clocks_forever(self) -> None:
        while True:
            gevent.sleep(CLOCK_S)
            self._compare_clocks()

    def _compare_clocks(self) -> None:
        for _ in range(CLOCK_PINGS):
            self._runner.client.ask_time()
            gevent.sleep(CLOCK_PING_S)
        gevent.sleep(PONG_S)
        self._ear.clock.end_burst()

    def _watch_forever(self) -> None:
        """Stop the load when the master falls silent, go on when it is back, and end when it stays away."""
        while True:
            gevent.sleep(TICK_S)
            silent_s = self._ear.silence.tick()
            if silent_s >= GONE_AFTER_S:
                self._end_without_master()
            elif silent_s >= PAUSE_AFTER_S:
                self._load.pause()
            elif silent_s == 0:
                self._load.resume()

    def _end_without_master(self) -> None:
        folder = self._folder
        if self._campaign is not None:
            self._load.stop()
            self._close(self._campaign)
        what = f"the master has been silent for {GONE_AFTER_S:g} s"
        sys.stderr.write(_kept(folder, f"{what}; the load has stopped") if folder else f"{what}: it is gone\n")
        self._runner.client.socket.setsockopt(zmq.LINGER, 0)  # nobody is there to take what was left to say
        sys.exit(int(ExitCode.INVALID))


def _kept(folder: Path, what: str) -> str:
    return (
        f"{what}. The rows are kept in {folder.resolve()}: bring the folders of all workers to one machine, and run "
        "tailgate collect FOLDER...\n"
    )
