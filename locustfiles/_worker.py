"""A Locust worker's side of a run: it takes the order, makes the rows, and sends them to the master in batches."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent

from locustfiles import _campaign
from locustfiles import _messages as messages
from locustfiles._client import raise_file_limit
from locustfiles._crew import report_of
from locustfiles._order import Order
from locustfiles._schedule import Span
from locustfiles._users import user_classes

if TYPE_CHECKING:
    from locust import User
    from locust.env import Environment
    from locust.runners import WorkerRunner

    from locustfiles._campaign import Campaign

STATUS_INTERVAL_S = 1.0


class Worker:
    """Begins a campaign when the master starts a test, and ends it when the master collects."""

    def __init__(self, environment: Environment, results: Path, base: type[User]) -> None:
        self._environment = environment
        self._results = results
        self._base = base
        self._campaign: Campaign | None = None
        self._greenlet: gevent.Greenlet | None = None
        self._runner.register_message(messages.SPANS, self._on_spans)
        self._runner.register_message(messages.COLLECT, self._on_collect)
        environment.events.test_start.add_listener(self._on_test_start)
        environment.events.test_stop.add_listener(self._on_test_stop)

    @property
    def campaign(self) -> Campaign:
        """The open campaign."""
        assert self._campaign is not None
        return self._campaign

    @property
    def _runner(self) -> WorkerRunner:
        return self._environment.runner

    def _on_test_start(self, environment: Environment, **_: Any) -> None:
        assert environment.parsed_options is not None
        order = Order.loads(environment.parsed_options.tailgate_order)
        environment.user_classes[:] = user_classes(self._base, order.scenario).values()
        raise_file_limit(order.scenario.traffic.users)
        worker = f"w{self._runner.worker_index}"
        folder = self._results / order.run_id
        self._campaign = _campaign.begin(order, worker, folder, environment, self._send_rows)
        self._greenlet = gevent.spawn(self._send_status_forever, self._campaign)

    def _on_spans(self, msg: Any, **_: Any) -> None:
        if self._campaign:
            self._campaign.schedule.put(Span(**document) for document in msg.data)

    def _on_collect(self, **_: Any) -> None:
        """End the rows; Locust's own statistics go with them, ahead of their three-second rhythm."""
        if self._campaign is None:
            return
        campaign, self._campaign = self._campaign, None
        self._runner.stop_users(self._runner.user_classes_count)
        gevent.kill(self._greenlet)
        campaign.close()
        self._runner._send_stats()  # noqa: SLF001 - Locust has no public way to send them now
        self._runner.send_message(messages.COLLECTED, asdict(report_of(campaign)))

    def _on_test_stop(self, **_: Any) -> None:
        self._on_collect()

    def _send_rows(self, first: int, rows: list[list[str]]) -> None:
        worker = self._campaign.worker if self._campaign else f"w{self._runner.worker_index}"
        self._runner.send_message(messages.ROWS, {"worker": worker, "first": first, "rows": rows})

    def _send_status_forever(self, campaign: Campaign) -> None:
        while True:
            status = {
                "worker": campaign.worker,
                "rows": campaign.recorder.rows,
                "active": {name: lane.active for name, lane in campaign.lanes.items()},
                "tallies": {name: asdict(lane.tally) for name, lane in campaign.lanes.items()},
                "stop_reasons": {name: lane.stop_reason for name, lane in campaign.lanes.items() if lane.stop_reason},
            }
            self._runner.send_message(messages.STATUS, status)
            gevent.sleep(STATUS_INTERVAL_S)
