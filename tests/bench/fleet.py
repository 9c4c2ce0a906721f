"""Many workers in one process, who make no load: they shake hands, say what workers say, and ship rows at a given rate.

`python -m bench.fleet PORT WORKERS ROWS_PER_S`: rows per second of all together. Prints how many rows the master has
acknowledged, once a second, as JSON.
"""

from __future__ import annotations

import json
import sys

import gevent
from locust.rpc import Message  # patches the process: before anything that uses sockets

from locustfiles import _messages as messages
from locustfiles._recorder import BATCH_ROWS, FLUSH_INTERVAL_S, Batch
from locustfiles._row_file import Lines
from locustfiles._shipping import Shipper, to_document
from locustfiles._worker_link import Ear, WorkerLink
from scenarios.records import Attempt, Outcome, to_line

STATS_S = 3.0
USERS = 500


def a_row(worker: str) -> bytes:
    """Give a row of common length."""
    attempt = Attempt(
        "campaign-20260101T000000Z", worker, 123456, f"{worker}-large-317", f"{worker}-large-317-c12",
        f"{worker}-large-317-t48", "support-001", "large", "", "steady", 1, 1234.567891, 1234.568123, 1234.601234,
        1234.912345, 1234.912345, 1239.123456, 1239.123999, Outcome.OK, 200, finish_reason="stop", input_tokens=812,
        cached_input_tokens=512, output_tokens=211, usage_source="provider", chunks=210, coalesced=2,
        gap_max_s=0.045678, bytes_in=61234, client_lag_s=0.000123,
    )  # fmt: skip
    return to_line(attempt).encode()


class Fake:
    """One worker: a socket, and what is said on it."""

    def __init__(self, port: int, number: int, rows_per_s: float) -> None:
        self.identity = f"host{number}_{number}"
        ear = Ear(attached=True, has_order=True)
        self.link = WorkerLink(ear, "127.0.0.1", port, self.identity)
        self.row = a_row(f"w{number}")
        self.rows_per_s = rows_per_s
        self.run_id = ""
        self.users: dict[str, int] = {}
        self.made = 0
        self.shipper = Shipper(self._ship)
        self._say("client_ready", "2.47.0")
        for loop in (self._listen, self._talk, self._report, self._make):
            gevent.spawn(loop)

    def _say(self, kind: str, data: object) -> None:
        self.link.send(Message(kind, data, self.identity))

    def _ship(self, batches: list[Batch]) -> None:
        self._say(messages.ROWS, {"run_id": self.run_id, "batches": [to_document(batch, 0.0) for batch in batches]})

    def _listen(self) -> None:
        while True:
            message = self.link.recv()
            if message.type == messages.ORDER:
                self.run_id = message.data["order"]["run_id"]
            elif message.type == messages.BEAT:
                self.shipper.share(message.data["workers"])
                self.shipper.receive(message.data["received"])
            elif message.type == messages.RECEIVED:
                self.shipper.receive(message.data["received"])
            elif message.type == "spawn":
                self.users = message.data["user_classes_count"]
                self._say("spawning", None)
                self._say("spawning_complete", self._count())

    def _count(self) -> dict[str, object]:
        return {"user_classes_count": self.users, "user_count": sum(self.users.values())}

    def _talk(self) -> None:
        while True:
            state = "running" if self.users else "ready"
            self._say("heartbeat", {"state": state, "current_cpu_usage": 50.0, "current_memory_usage": 1})
            tally = {"turns": 1, "failed": 0, "throttled": 0, "refusals": 0, "input_tokens": 1, "output_tokens": 1}
            status = {"run_id": self.run_id, "rows": self.made, "complete_s": 1.0, "users": sum(self.users.values())}
            self._say(messages.STATUS, {**status, "active": {"large": 9}, "tallies": {"large": tally}, "stop_reasons": {}})  # fmt: skip  # noqa: E501
            gevent.sleep(1.0)

    def _report(self) -> None:
        """Send statistics as Locust does, with as many buckets as our fine ones have in three seconds."""
        while True:
            gevent.sleep(STATS_S)
            turns = int(self.rows_per_s * STATS_S)
            entry = {
                "name": "large", "method": "CHAT", "last_request_timestamp": 1.0, "start_time": 1.0,
                "num_requests": turns, "num_none_requests": 0, "num_failures": 0, "total_response_time": 1.0 * turns,
                "max_response_time": 9000.0, "min_response_time": 100.0, "total_content_length": turns,
                "response_times": {100.0 + number * 3: 1 for number in range(turns)},
                "num_reqs_per_sec": {1: turns}, "num_fail_per_sec": {},
            }  # fmt: skip
            stats = [entry, {**entry, "method": "TTFT"}] if turns else []
            self._say("stats", {"stats": stats, "stats_total": entry, "errors": {}, **self._count()})

    def _make(self) -> None:
        while True:
            gevent.sleep(FLUSH_INTERVAL_S)
            due = int(self.rows_per_s * FLUSH_INTERVAL_S) if self.run_id else 0
            while due > 0:
                count = min(due, BATCH_ROWS)
                rows = Lines(self.row * count, len(self.row) * count)
                self.shipper.give(Batch(self.made, count, rows, Lines(b"", 0)))
                self.made += count
                due -= count


def main(port: str, workers: str, rows_per_s: str) -> None:
    """Connect them, and tell of the rows."""
    fakes = [Fake(int(port), number, float(rows_per_s) / int(workers)) for number in range(int(workers))]
    while True:
        gevent.sleep(1.0)
        sent, made = sum(fake.shipper.received for fake in fakes), sum(fake.made for fake in fakes)
        sys.stdout.write(json.dumps({"received": sent, "made": made}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
