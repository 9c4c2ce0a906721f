"""Somebody on the master's port who speaks Locust's protocol, and does not belong there: `stranger.py HOST PORT`."""

from __future__ import annotations

import contextlib
import sys
import time

import msgpack
import zmq

FAKE = {
    "stats": [
        {
            "name": "fake",
            "method": "CHAT",
            "last_request_timestamp": 1.0,
            "start_time": 1.0,
            "num_requests": 1_000_000,
            "num_none_requests": 0,
            "num_failures": 0,
            "total_response_time": 1.0,
            "max_response_time": 1.0,
            "min_response_time": 1.0,
            "total_content_length": 1,
            "response_times": {1: 1_000_000},
            "num_reqs_per_sec": {1: 1_000_000},
            "num_fail_per_sec": {},
        }
    ],
    "stats_total": {},
    "errors": {},
    "user_classes_count": {"SmallUser": 1000},
    "user_count": 1000,
}
WORDS = (("client_ready", "2.47.0"), ("stats", FAKE), ("heartbeat", {"state": "running"}), ("tailgate_hello", None))


def main(host: str, port: str) -> None:
    """Say all that a worker says, and some noise."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.identity = b"stranger_1"
    socket.connect(f"tcp://{host}:{port}")
    words = [*(msgpack.dumps((kind, data, "stranger_1")) for kind, data in WORDS), b"\xc1 noise"]
    for word in words * 3:
        with contextlib.suppress(zmq.Again):  # the master has closed the line
            socket.send(word, zmq.NOBLOCK)
        time.sleep(0.1)
    sys.stdout.write("nothing\n" if not socket.poll(1000) else f"an answer: {socket.recv()!r}\n")
    socket.close(linger=0)
    context.term()


if __name__ == "__main__":
    main(*sys.argv[1:])
