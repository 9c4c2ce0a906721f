"""The crew of a master: workers at the end of messages. Rows come in parcels; nothing is written twice."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent

from locustfiles import _messages as messages
from locustfiles._clock import RunClock
from locustfiles._holds import Hold, Holds
from locustfiles._lane import Tally
from locustfiles._ledger import Ledger
from locustfiles._muster import Muster
from locustfiles._news import News
from locustfiles._report import WorkerReport
from locustfiles._roll import Entry, Roll
from locustfiles._silence import TICK_S
from scenarios.errors import ExitCode

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.runners import MasterRunner

    from locustfiles._door import Door
    from locustfiles._order import Order
    from locustfiles._schedule import Span

BEAT_S = 1.0
ASK_AGAIN_S = 5.0
RETURN_S = 32.0
"""A worker that is out of reach may come back with its rows for this long: then it has given its master up."""
REFUSED_WAIT_S = 10.0
"""After a refusal, another worker may take the place for this long before the run is given up."""


class Workers:
    """Users in other processes."""

    def __init__(self, environment: Environment, policy: str) -> None:
        self._environment = environment
        self._clock = RunClock(time.time())
        self._policy = policy
        self._order: Order | None = None
        self._ledger: Ledger | None = None
        self._spans: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._roll = Roll()
        self._holds = Holds(self._beat_all)
        self._muster = Muster(self._runner)
        self._reports: dict[str, WorkerReport] = {}
        self._door.on_admitted = self._admit
        self._door.on_refused = lambda: gevent.spawn_later(REFUSED_WAIT_S, self._give_up_waiting)
        for kind, listener in (
            (messages.ROWS, self._on_rows),
            (messages.STATUS, self._on_status),
            (messages.HOLDS, self._on_holds),
            (messages.COLLECTED, self._on_collected),
        ):
            self._runner.register_message(kind, listener)
        gevent.spawn(self._beat_forever)
        gevent.spawn(self._call_roll_forever)

    @property
    def _runner(self) -> MasterRunner:
        return self._environment.runner

    @property
    def _door(self) -> Door:
        door: Door = self._runner.server.door
        return door

    def open(self, order: Order, folder: Path) -> None:
        """Open `attempts.csv`, and tell each worker of the run before Locust sends it users."""
        self._order, self._clock = order, RunClock(order.epoch_unix_s, order.epoch_monotonic_s)
        self._spans, self._reports, self._roll, self._holds = {}, {}, Roll(), Holds(self._beat_all)
        self._ledger = Ledger(folder / "attempts.csv")
        for identity, client in self._runner.clients.items():
            if client.state != "missing":
                self._admit(identity)

    def publish(self, spans: Sequence[Span]) -> None:
        """Send them to all workers."""
        self._spans.update({(span.endpoint, span.arm, span.phase): span.to_document() for span in spans})
        self._beat_all()

    def active(self, lane: str) -> int:
        """Add up the last words on it of workers that are there."""
        return sum(entry.status.get("active", {}).get(lane, 0) for entry in self._roll.present.values())

    def tallies(self) -> dict[str, Tally]:
        """Add up the workers' last words on them."""
        totals: dict[str, Tally] = {}
        for entry in self._entries:
            for name, counts in entry.status.get("tallies", {}).items():
                total = totals.setdefault(name, Tally())
                for key, count in counts.items():
                    setattr(total, key, getattr(total, key) + count)
        return totals

    def stop_reasons(self) -> dict[str, str]:
        """Gather them; the first worker's word stands."""
        reasons: dict[str, str] = {}
        for entry in self._entries:
            for name, reason in entry.status.get("stop_reasons", {}).items():
                reasons.setdefault(name, reason)
        return reasons

    @property
    def strangers(self) -> int:
        """Messages and connections of those who have not shaken hands."""
        return self._door.strangers

    def breakdown(self) -> str:
        """Name a worker that was lost, where the scenario says to stop then; and the last one."""
        away = [entry for entry in self._entries if entry.is_away]
        if away and (self._policy == "stop" or self._roll.is_empty):
            names = ", ".join(f"{entry.worker} on {entry.host}" for entry in away)
            policy = "traffic.on_worker_loss: stop" if self._policy == "stop" else "no worker is left"
            return f"worker {names} was lost ({policy})"
        return ""

    def collect(self, timeout_s: float) -> list[WorkerReport]:
        """Ask each worker for its last rows, and wait as long as they come; what does not come is named as lost."""
        if self._ledger is None:
            return []
        asked_s, received, given_up_s = -ASK_AGAIN_S, -1, 0.0
        while waiting := self._missing():
            now = time.monotonic()
            if (total := sum(self._ledger.received.values())) != received:
                received, given_up_s = total, now + timeout_s
            if now > given_up_s:
                break
            if now > asked_s + ASK_AGAIN_S:
                asked_s = now
                for identity in waiting:
                    self._send(messages.COLLECT, None, identity)
            gevent.sleep(0.05)
        reports = [self._report(identity, entry) for identity, entry in self._roll.entries.items()]
        self._ledger.close()
        self._order = self._ledger = None
        return sorted(reports, key=lambda report: (len(report.worker), report.worker))

    @property
    def _entries(self) -> list[Entry]:
        return list(self._roll.entries.values())

    def _missing(self) -> list[str]:
        """Name those whose report may still come."""
        now_s = self._clock.now()
        return [
            identity
            for identity, entry in self._roll.entries.items()
            if identity not in self._reports and not entry.has_left
            if not entry.is_away or (not entry.has_ended and now_s < entry.heard_s + RETURN_S)
        ]

    def _report(self, identity: str, entry: Entry) -> WorkerReport:
        assert self._ledger is not None
        received = self._ledger.received.get(entry.worker, 0)
        report = self._reports.get(identity)
        made = max(report.rows if report else int(entry.status["rows"]), received)
        report = report or WorkerReport(entry.worker, entry.host)
        report.rows = received - self._ledger.lost.get(entry.worker, 0)
        report.rows_lost = made - report.rows if identity in self._reports or made > report.rows else None
        report.absences = [{**asdict(absence), "share": absence.share} for absence in entry.absences]
        return report

    def _admit(self, identity: str) -> None:
        """Tell a worker of the run, if there is one."""
        if self._order is None:
            return
        worker = f"w{self._runner.get_worker_index(identity)}"
        self._roll.enter(identity, worker, self._door.hosts.get(identity, ""))
        order = {"worker": worker, "order": self._order.to_document()}
        self._send(messages.ORDER, {**order, **self._word(identity, self._news())}, identity)

    def _give_up_waiting(self) -> None:
        options: Any = self._environment.parsed_options
        if self._runner.state == "ready" and len(self._runner.clients.ready) < options.expect_workers:
            refused = "\n".join(self._door.refused)
            sys.stderr.write(f"{refused}\n{options.expect_workers} workers are expected: the run is given up\n")
            sys.exit(int(ExitCode.USAGE))

    def _send(self, kind: str, data: Any, identity: str) -> None:
        self._runner.send_message(kind, data, identity)

    def _beat_all(self) -> None:
        self._beat(list(self._roll.present))

    def _beat(self, identities: Iterable[str]) -> None:
        news = self._news()
        for identity in identities:
            self._send(messages.BEAT, self._word(identity, news), identity)

    def _news(self) -> News:
        return News.gather(self._roll.present, self._holds.current(self._clock.now()))

    def _word(self, identity: str, news: News) -> dict[str, Any]:
        """Give the phases, how many of the worker's rows are here, and the news of the others."""
        entry = self._roll.entries.get(identity)
        received = self._ledger.received.get(entry.worker, 0) if self._ledger and entry else 0
        return {"spans": list(self._spans.values()), "received": received, **news.of_others(identity, entry)}

    def _beat_forever(self) -> None:
        while True:
            gevent.sleep(BEAT_S)
            self._beat(list(self._door.hosts))

    def _call_roll_forever(self) -> None:
        while True:
            gevent.sleep(TICK_S)
            self._roll.tick(self._reports, self._clock.now(), self._runner.server.gone)
            if self._order is not None and self._policy != "stop":
                for identity in self._roll.to_drop():
                    self._roll.entries[identity].is_dropped = True
                    self._muster.drop(identity)
                self._muster.tick(sum(entry.status["users"] for entry in self._roll.present.values()))

    def _hear(self, identity: str) -> Entry | None:
        entry = self._roll.entries.get(identity)
        if entry is not None:
            if entry.is_dropped:
                self._muster.take_back(identity)
            self._roll.hear(identity, self._clock.now())
        return entry

    def _on_rows(self, msg: Any, **_: Any) -> None:
        entry = self._hear(msg.node_id)
        if self._ledger is None or entry is None or msg.data["run_id"] != self._run_id:
            return
        received = self._ledger.take(entry.worker, msg.data["batches"])
        for batch in msg.data["batches"]:
            if batch["first"] + batch["count"] <= received and batch["complete_s"] is not None:
                entry.complete_s = max(entry.complete_s, batch["complete_s"])
        self._send(messages.RECEIVED, {"received": received}, msg.node_id)

    def _on_holds(self, msg: Any, **_: Any) -> None:
        if self._hear(msg.node_id) is not None and msg.data["run_id"] == self._run_id:
            for document in msg.data["holds"]:
                self._holds.tell(Hold(**{**document, "source": msg.node_id}))

    def _on_status(self, msg: Any, **_: Any) -> None:
        entry = self._hear(msg.node_id)
        if entry is None or self._ledger is None:
            return
        status = msg.data
        if status["run_id"] != self._run_id and msg.node_id not in self._reports:
            self._admit(msg.node_id)  # the order was lost on the way
            return
        entry.status = status
        if status["rows"] == self._ledger.received.get(entry.worker, 0):
            entry.complete_s = max(entry.complete_s, status["complete_s"])

    def _on_collected(self, msg: Any, **_: Any) -> None:
        entry = self._hear(msg.node_id)
        if entry is None or msg.data["run_id"] != self._run_id:
            return
        self._reports[msg.node_id] = WorkerReport(**msg.data["report"])
        if msg.data["leaving"]:
            self._roll.leave(msg.node_id, msg.data["stopped_s"], self._clock.now(), msg.data["users"])

    @property
    def _run_id(self) -> str:
        return self._order.run_id if self._order else ""
