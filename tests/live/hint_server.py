"""A provider with a limit that says "come back later" in every form there is; made for the tests, on asyncio alone.

    python hint_server.py LOG

The first line of output is the port. `POST /<mode>/...` answers by the mode; LOG gets a row for every request:
`mode,request_id,arrived_s,answered_s,status,form,told_s`, in seconds on CLOCK_MONOTONIC. `told_s` is what the refusal
asks for, from `answered_s` on.
"""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import math
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

SKEW_S = 3600.0
"""The server's clock, as its Date header has it, is an hour ahead."""

SERVICE_S = 0.05
SLOW_S = 2.0
"""How long `crowd` takes to refuse: many are under way when the first refusal is read."""

AT_LEAST_S = 1.0
"""Added to each wait of `forms`: a moment that is gone by when it is read says nothing."""

Form = Callable[[float], tuple[float, int, dict[str, str], dict[str, Any]]]
"""A wait that is needed → what is asked for, status, headers, fields of the error."""


def simple(told_s: float, headers: dict[str, str], status: int = 429, **error: Any) -> Any:
    """Build a refusal."""
    return told_s, status, headers, error


def milliseconds(wait_s: float) -> float:
    """Round up to a millisecond."""
    return math.ceil(wait_s * 1000) / 1000


def http_date(pattern: str) -> Form:
    """Say it as a date, read against this server's own wrong clock."""

    def form(wait_s: float) -> Any:
        now = math.floor(time.time() + SKEW_S)
        until = math.ceil(now + wait_s) + 1
        stated = datetime.fromtimestamp(until, UTC)
        text = time.asctime(stated.timetuple()) if pattern == "asctime" else stated.strftime(pattern)
        date = datetime.fromtimestamp(now, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return simple(float(until - now), {"Retry-After": text, "Date": date})

    return form


def moment(name: str, write: Callable[[float], str], step_s: float, **others: str) -> Form:
    """Say it as a point in time on the true clock; no Date header."""

    def form(wait_s: float) -> Any:
        now = time.time()
        until = math.ceil((now + wait_s) / step_s) * step_s
        return simple(until - now, {name: write(until), **others})

    return form


def dated(form: Form) -> Form:
    """Add a Date by the true clock, whose whole seconds must not make a finer hint coarse."""

    def with_date(wait_s: float) -> Any:
        told_s, status, headers, error = form(wait_s)
        date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return told_s, status, {**headers, "Date": date}, error

    return with_date


def rfc3339(unix_s: float) -> str:
    """Write a point in time as Anthropic does."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole(name: str, pattern: str = "{}", status: int = 429, **others: str) -> Form:
    """Say it in whole seconds."""
    return lambda wait_s: simple(
        math.ceil(wait_s), {name: pattern.format(math.ceil(wait_s)), **others}, status, **OVERLOADED.get(status, {})
    )


def parts(name: str, scale: int, pattern: str = "{}", **others: str) -> Form:
    """Say it in milliseconds, or in seconds with a fraction."""
    return lambda wait_s: simple(
        milliseconds(wait_s), {name: pattern.format(f"{milliseconds(wait_s) * scale:g}"), **others}
    )


def retry_info(wait_s: float) -> Any:
    """Say it as Gemini does."""
    told_s = milliseconds(wait_s)
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{told_s:.9f}s"}
    return told_s, 429, {}, {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [delay]}


def in_words(wait_s: float) -> Any:
    """Say it as OpenAI does."""
    told_s = milliseconds(wait_s)
    shown = f"{told_s:g}s" if told_s >= 1 else f"{told_s * 1000:g}ms"
    message = f"Rate limit reached for sim on requests per min (RPM): Limit 3, Used 3. Please try again in {shown}."
    return simple(told_s, {}, message=message, code="rate_limit_exceeded")


OVERLOADED: dict[int, dict[str, str]] = {
    503: {"code": "server_is_overloaded"},
    529: {"type": "overloaded_error", "code": ""},
}
SPENT, LEFT = {"x-ratelimit-remaining-requests": "0"}, {"x-ratelimit-remaining-tokens": "9000"}
FORMS: dict[str, Form] = {
    "integer": whole("Retry-After"),
    "fraction": parts("Retry-After", 1),
    "imf_date": http_date("%a, %d %b %Y %H:%M:%S GMT"),
    "rfc850_date": http_date("%A, %d-%b-%y %H:%M:%S GMT"),
    "asctime_date": http_date("asctime"),
    "retry_after_ms": parts("retry-after-ms", 1000, **{"Retry-After": "60"}),
    "amz": parts("x-amz-retry-after", 1000),
    "retry_info": retry_info,
    "in_words": in_words,
    "ratelimit": whole("RateLimit", '"default";r=0;t={}'),
    "ratelimit_07": whole("RateLimit", "limit=10, remaining=0, reset={}"),
    "go_duration": parts(
        "x-ratelimit-reset-requests", 1, "{}s", **SPENT, **LEFT, **{"x-ratelimit-reset-tokens": "6m0s"}
    ),
    "rfc3339": moment(
        "anthropic-ratelimit-requests-reset", rfc3339, 0.001, **{"anthropic-ratelimit-requests-remaining": "0"}
    ),
    "epoch": moment("x-ratelimit-reset", lambda unix_s: str(int(unix_s)), 1.0),
    "epoch_ms": moment("x-ratelimit-reset-requests", lambda unix_s: str(round(unix_s * 1000)), 0.001, **SPENT),
    "reset_seconds": whole("x-ratelimit-reset-requests", **SPENT),
    "zero_then_words": lambda wait_s: (in_words(wait_s)[0], 429, {"Retry-After": "0"}, in_words(wait_s)[3]),
    "rfc3339_and_date": dated(
        moment("anthropic-ratelimit-tokens-reset", rfc3339, 0.001, **{"anthropic-ratelimit-tokens-remaining": "0"})
    ),
    "said_twice": lambda wait_s: simple(
        math.ceil(wait_s), {"Retry-After": f"1\r\nRetry-After: {math.ceil(wait_s)}"}, message="The longer one counts."
    ),
    "busy_503": whole("Retry-After", status=503),
    "busy_529": whole("Retry-After", status=529),
}
MOMENTS = ("rfc3339", "rfc3339_and_date", "epoch", "epoch_ms")
"""Forms that name a point in time on the true clock: what is left of the wait when they are read is less."""

FATAL: dict[str, dict[str, Any]] = {
    "broke": {"code": "insufficient_quota", "message": "You exceeded your current quota."},
    "daily": {
        "status": "RESOURCE_EXHAUSTED",
        "message": "Quota exceeded",
        "details": [
            {"@type": "t/google.rpc.QuotaFailure", "violations": [{"quotaId": "RequestsPerDayPerProject-Free"}]},
            {"@type": "t/google.rpc.RetryInfo", "retryDelay": "2s"},
        ],
    },
    "large": {
        "code": "rate_limit_exceeded",
        "message": "Request too large for sim on tokens per min (TPM): Limit 30000, Requested 31538.",
    },
}


class Bucket:
    """A token bucket on this process's clock."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.level, self.at_s = rate, burst, burst, time.monotonic()

    def admit(self, now_s: float) -> float:
        """Take a request and give 0, or give the seconds until one would be taken."""
        self.level = min(self.burst, self.level + (now_s - self.at_s) * self.rate)
        self.at_s = now_s
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (1 - self.level) / self.rate


class Provider:
    """The modes. `forms`: 40 a second, each refusal in the next form; `crowd` and `prompt`: 66 a second, in seconds.

    `crowd` takes its time to refuse.
    """

    def __init__(self, log: Any) -> None:
        self.log = log
        self.buckets = {
            "forms": Bucket(40, 20),
            "crowd": Bucket(66, 12),
            "prompt": Bucket(66, 12),
            "broke": Bucket(0.001, 30),
        }
        self.buckets["daily"] = Bucket(0.001, 30)
        self.forms = itertools.cycle(FORMS.items())

    def take(self, mode: str, arrived_s: float) -> float:
        """Take a request and give 0, or give the wait that its refusal will tell."""
        bucket = self.buckets.get(mode)
        return bucket.admit(arrived_s) if bucket else 1.0

    def refusal(self, mode: str, wait_s: float) -> tuple[str, float | None, int, dict[str, str], Any]:
        """Give form, wait, status, headers and error of a refusal."""
        if mode in FATAL:
            return mode, None, 429, {}, FATAL[mode]
        if mode == "long":
            return mode, 300.0, 429, {"Retry-After": "300"}, {"code": "rate_limit_exceeded"}
        name, form = next(self.forms) if mode == "forms" else ("integer", FORMS["integer"])
        told_s, status, headers, error = form(wait_s + AT_LEAST_S if mode == "forms" else wait_s)
        return name, told_s, status, headers, {"code": "rate_limit_exceeded", "message": "Rate limited.", **error}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")
                fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
                await reader.readexactly(int(fields.get("content-length", 0)))
                await self.answer(lines[0].split("/")[1], fields.get("x-client-request-id", ""), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def answer(self, mode: str, request_id: str, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        arrived_s = time.monotonic()
        taken = self.take(mode, arrived_s)
        await asyncio.sleep(SLOW_S if mode == "crowd" and taken > 0 else SERVICE_S)
        form, told_s, status, headers, error = self.refusal(mode, taken) if taken > 0 else ("", None, 200, {}, {})
        stamps = [f"{arrived_s:.6f}", f"{time.monotonic():.6f}"]
        self.log.writerow([mode, request_id, *stamps, status, form, "" if told_s is None else f"{told_s:.6f}"])
        if taken <= 0:
            writer.write(ANSWER)
        else:
            body = json.dumps({"error": error}).encode()
            extra = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            start = f"HTTP/1.1 {status} Refused\r\nContent-Type: application/json\r\n{extra}"
            writer.write(f"{start}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()


def events() -> bytes:
    """Give a whole streamed answer."""
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": {"role": "assistant", "content": ""}},
        {"index": 0, "delta": {"content": "Hello"}},
        {"index": 0, "delta": {"content": " there"}},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    documents: list[dict[str, Any]] = [{"choices": [choice]} for choice in choices]
    documents.append({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})
    return b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in documents) + b"data: [DONE]\n\n"


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%b" % (
    len(events()),
    events(),
)


async def main(path: str) -> None:
    """Serve until SIGTERM."""
    with open(path, "w", newline="", encoding="utf-8") as file:  # noqa: ASYNC230, PTH123 - once, at the start
        log = csv.writer(file)
        log.writerow(["mode", "request_id", "arrived_s", "answered_s", "status", "form", "told_s"])
        server = await asyncio.start_server(Provider(log).serve, "127.0.0.1", 0, backlog=1024)
        over = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
        print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
        await over.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
