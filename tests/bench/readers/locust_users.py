"""A locustfile with Locust's own two clients, each read as well as it can be: see `reader` for which is meant.

Recorded is what Tailgate records: a row per request, its first token, its gaps, the finish reason and the tokens that
the server states, and two entries in Locust's statistics. Each request is unlike all others, for servers keep answers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import gevent
from locust import FastHttpUser, HttpUser, events

from bench.readers.recording import CONTENT, NO_CONTENT, Facts, Recording, Task

TASK = Task.read()
RECORDING = Recording(TASK)
PRESENT: set[Any] = set()
"""Users who still ask."""
FINISH, USAGE = b'"finish_reason":"', b'"usage":{'
HOST = "/".join(TASK.url.split("/", 3)[:3])


@events.test_start.add_listener
def on_start(**_: Any) -> None:
    """Tell the benchmark."""
    RECORDING.start()


@events.quitting.add_listener
def on_quitting(**_: Any) -> None:
    """Write the record."""
    RECORDING.close()


class Asking:
    """What both users do."""

    host = HOST
    client: Any
    environment: Any

    def turn(self) -> None:
        """Ask once, or wait for the end when the time is over."""
        if RECORDING.over:
            self.leave()
        elif TASK.stream:
            self.ask()
        else:
            self.ask_at_once()

    tasks = (turn,)

    def on_start(self) -> None:
        """Come in."""
        PRESENT.add(self)

    def leave(self) -> None:
        """Wait for the end, which comes when the last user has its answer."""
        PRESENT.discard(self)
        if not PRESENT:
            gevent.spawn(self.environment.runner.quit)
        gevent.sleep(3600)

    def lines(self, response: Any) -> Iterator[bytes]:
        """Give the lines of a streamed answer, each as soon as it is there."""
        raise NotImplementedError

    def ask(self) -> None:
        """Read a streamed answer."""
        request_id = RECORDING.next_id()
        arrivals: list[float] = []
        finish, stated = "", {}
        sent_s = perf_counter()
        with self.client.post(TASK.path, json=TASK.question(request_id), headers=_headers(request_id), stream=True,
                              name="CHAT", catch_response=True) as response:  # fmt: skip
            for line in self.lines(response):
                if CONTENT in line and NO_CONTENT not in line:
                    arrivals.append(perf_counter())
                elif FINISH in line:
                    finish = _value(line)["choices"][0]["finish_reason"]
                elif USAGE in line:
                    stated = _value(line)["usage"]
            end_s = perf_counter()
            response.request_meta["response_time"] = (end_s - sent_s) * 1000
        self.environment.events.request.fire(
            request_type="TTFT", name="CHAT", response_time=(arrivals[0] - sent_s) * 1000, response_length=0,
            exception=None, context={},
        )  # fmt: skip
        RECORDING.add(request_id, sent_s, arrivals, end_s, _facts(finish, stated))

    def ask_at_once(self) -> None:
        """Read an answer that is not streamed, and the token counts in it."""
        request_id = RECORDING.next_id()
        sent_s = perf_counter()
        with self.client.post(TASK.path, json=TASK.question(request_id), headers=_headers(request_id), name="CHAT",
                              catch_response=True) as response:  # fmt: skip
            answer = response.json()
            end_s = perf_counter()
            facts = _facts(answer["choices"][0]["finish_reason"], answer["usage"])
            if not all(facts):
                response.failure("no tokens")
        RECORDING.add(request_id, sent_s, [], end_s, facts)


def _value(line: bytes) -> Any:
    return json.loads(line.removeprefix(b"data: "))


def _facts(finish: str, stated: dict[str, Any]) -> Facts:
    return finish, stated.get("prompt_tokens"), stated.get("completion_tokens")


def _headers(request_id: str) -> dict[str, str]:
    return {"X-Client-Request-Id": request_id, "Accept-Encoding": "identity"}


if os.environ["BENCH_READER"] == "fasthttp":

    class FastChat(Asking, FastHttpUser):
        """geventhttpclient, by `readline`: the only one of its ways to read that is not late."""

        def lines(self, response: Any) -> Iterator[bytes]:
            """Give lines without waiting for a full buffer."""
            read = response._response.readline
            while line := read(b"\n"):
                yield line

else:

    class SlowChat(Asking, HttpUser):
        """requests, by `iter_lines`."""

        def lines(self, response: Any) -> Iterator[bytes]:
            """Give lines."""
            yield from response.iter_lines()
