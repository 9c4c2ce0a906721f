"""What a server says of its own time: in the headers of a response, and in the JSON of its answer. Pure.

A header leaves before a streamed answer is made: a total told there is the time until the headers left (`headers_s`).
What is no number of seconds between 0 and a day is not told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_S = 86_400.0
MS, NS = 1_000, 1_000_000_000
"""In a second."""

FILE = "server_timings.csv"
"""Its name in a run folder; a worker's own is `server_timings-<worker>.csv`. There is none where nothing was told."""


class ServerTimings(NamedTuple):
    """What one server said of one answer, in seconds; None = not told. `source` names who said it, and how.

    `total_s` is all that the server accounts for, its queue included where it tells one; `headers_s` the same until the
    headers left, `ttft_s` until the first token. Parts: `queue_s` waiting, `load_s` loading the model, `prefill_s`
    reading the prompt, `decode_s` writing the answer.
    """

    source: str
    total_s: float | None = None
    headers_s: float | None = None
    ttft_s: float | None = None
    queue_s: float | None = None
    load_s: float | None = None
    prefill_s: float | None = None
    decode_s: float | None = None


COLUMNS = ("run_id", "worker", "seq", *ServerTimings._fields)
"""Of the file: a line for each attempt of which something was told; run_id, worker and seq are those of its row."""


def header_line() -> str:
    """Give the first line of the file."""
    return ",".join(COLUMNS) + "\n"


def to_line(run_id: str, worker: str, seq: int, told: ServerTimings) -> str:
    """Give a line of the file. None of its texts needs quotes: run ids and workers' names are ours, sources below."""
    source, *seconds = told
    texts = ("" if value is None else f"{value:.6f}" for value in seconds)
    return f"{run_id},{worker},{seq},{source},{','.join(texts)}\n"


def in_response(headers: Mapping[str, str], told_in_answer: ServerTimings | None) -> ServerTimings | None:
    """Give what a response tells: its answer knows best, then the server's headers, then a proxy's.

    `headers` have lower-case names.
    """
    if told_in_answer is not None:
        return told_in_answer
    told = _first(_IN_HEADERS, headers)
    if told is not None and headers.get("content-type", "").startswith("text/event-stream"):
        return told._replace(total_s=None, headers_s=told.total_s)
    return told


def in_answer(answer: Mapping[str, Any]) -> ServerTimings | None:
    """Give what the JSON of an answer, or of one event of a stream, tells."""
    return _first(_IN_ANSWER, answer)


def _first(
    readers: Mapping[str, Callable[[Mapping[str, Any]], ServerTimings | None]], names: Mapping[str, Any]
) -> ServerTimings | None:
    """Give what the first reader finds whose name is there. Mostly none is, and this is asked of each response."""
    if readers.keys().isdisjoint(names):
        return None
    for name, read in readers.items():
        if name in names:
            told = read(names)
            if told is not None and any(value is not None for value in told[1:]):
                return told
    return None


def _seconds(value: object, per_second: int = 1) -> float | None:
    """Give as seconds a number of which so many make a second."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_S * per_second:
        return None
    return value / per_second


_NUMBER = re.compile(r"\d{1,15}(\.\d{1,15})?", re.ASCII)


def _read(text: object, per_second: int = 1) -> float | None:
    """Give the same of a number that is written out."""
    return _seconds(float(text), per_second) if isinstance(text, str) and _NUMBER.fullmatch(text.strip()) else None


def _sum(*parts: float | None) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _openai(headers: Mapping[str, str]) -> ServerTimings:
    """`openai-processing-ms`: "time taken processing your API request" (OpenAI, API reference, Debugging requests)."""
    return ServerTimings("openai-processing-ms", total_s=_read(headers.get("openai-processing-ms"), MS))


def _fireworks(headers: Mapping[str, str]) -> ServerTimings:
    """`fireworks-*`, s (Fireworks, API reference, Create chat completion, `perf_metrics_in_response`)."""
    return _of_fireworks({name.removeprefix("fireworks-"): text for name, text in headers.items()})


def _tgi(headers: Mapping[str, str]) -> ServerTimings | None:
    """`x-total-time` and its parts, whole ms (text-generation-inference, router/src/server.rs, compute headers).

    Other servers use single ones of these names for other things, in other units.
    """
    texts = [headers.get(name, "") for name in ("x-total-time", "x-queue-time", "x-validation-time")]
    if not all(text.isascii() and text.isdecimal() for text in texts):
        return None
    return ServerTimings("tgi", total_s=_read(texts[0], MS), queue_s=_read(texts[1], MS))


_METRIC = re.compile(r'\s*([\w.-]{1,60})((?:\s*;\s*[\w-]{1,20}\s*=\s*(?:"[^"]{0,200}"|[^\s;,"]{1,60}))*)\s*', re.ASCII)
_DUR = re.compile(r';\s*dur\s*=\s*"?([\d.]{1,30})"?', re.ASCII | re.IGNORECASE)
_NAMES = {
    "total": "total_s",
    "ttft": "ttft_s",
    "queue": "queue_s",
    "load": "load_s",
    "prefill": "prefill_s",
    "prompt": "prefill_s",
    "decode": "decode_s",
    "generation": "decode_s",
}


def _server_timing(headers: Mapping[str, str]) -> ServerTimings:
    """`Server-Timing: total;dur=123.4, queue;dur=5`, ms (W3C Server Timing, section 3).

    The names are the server's own: only those that say what they mean are taken, the first of each.
    """
    found: dict[str, float | None] = {}
    for metric in _METRIC.finditer(headers.get("server-timing", "")[:4000]):
        name, duration = _NAMES.get(metric[1].lower()), _DUR.search(metric[2])
        if name is not None and duration is not None:
            found.setdefault(name, _read(duration[1], MS))
    return ServerTimings("server-timing", **found)


def _envoy(headers: Mapping[str, str]) -> ServerTimings:
    """`x-envoy-upstream-service-time`, ms: of the host behind the proxy and the way to it (Envoy, Router filter)."""
    return ServerTimings("envoy", total_s=_read(headers.get("x-envoy-upstream-service-time"), MS))


def _llama_cpp(answer: Mapping[str, Any]) -> ServerTimings:
    """`timings.prompt_ms`, `.predicted_ms` (llama.cpp, tools/server/README.md, result_timings). No queue in it."""
    timings = _object(answer.get("timings"))
    prefill, decode = (_seconds(timings.get(name), MS) for name in ("prompt_ms", "predicted_ms"))
    return ServerTimings("llama.cpp", total_s=_sum(prefill, decode), prefill_s=prefill, decode_s=decode)


def _cerebras(answer: Mapping[str, Any]) -> ServerTimings:
    """`time_info.total_time` and its parts, s (Cerebras Inference, API reference, Chat completions)."""
    return _of_times("cerebras", _object(answer.get("time_info")))


def _groq(answer: Mapping[str, Any]) -> ServerTimings | None:
    """`usage.*_time`, streamed as `x_groq.usage`, s (groq-python, types/completion_usage.py).

    Its `total_time` is "completion time and prompt time combined": the queue comes on top.
    """
    usages = _object(answer.get("usage")), _object(_object(answer.get("x_groq")).get("usage"))
    usage = next((usage for usage in usages if "total_time" in usage), None)
    if usage is None:
        return None
    told = _of_times("groq", usage)
    return told._replace(total_s=None if told.total_s is None else _sum(told.total_s, told.queue_s))


def _of_times(source: str, times: Mapping[str, Any]) -> ServerTimings:
    names = ("total_time", "queue_time", "prompt_time", "completion_time")
    total, queue, prefill, decode = (_seconds(times.get(name)) for name in names)
    return ServerTimings(source, total_s=total, queue_s=queue, prefill_s=prefill, decode_s=decode)


def _perf_metrics(answer: Mapping[str, Any]) -> ServerTimings:
    """`perf_metrics` of the last chunk: what Fireworks' headers tell, for whoever asks for it."""
    return _of_fireworks(_object(answer.get("perf_metrics")))


def _of_fireworks(metrics: Mapping[str, Any]) -> ServerTimings:
    def told(name: str) -> float | None:
        value = metrics.get(name)
        return _read(value) if isinstance(value, str) else _seconds(value)

    return ServerTimings(
        "fireworks",
        total_s=told("server-processing-time"),
        ttft_s=told("server-time-to-first-token"),
        queue_s=_sum(told("prefill-queue-duration"), told("generation-queue-duration")),
        prefill_s=told("prefill-duration"),
    )


def _ollama(answer: Mapping[str, Any]) -> ServerTimings:
    """`total_duration` and its parts, ns (Ollama, API reference, Usage)."""
    names = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
    total, load, prefill, decode = (_seconds(answer.get(name), NS) for name in names)
    return ServerTimings("ollama", total_s=total, load_s=load, prefill_s=prefill, decode_s=decode)


_IN_HEADERS: Mapping[str, Callable[[Mapping[str, str]], ServerTimings | None]] = {
    "openai-processing-ms": _openai,
    "fireworks-server-processing-time": _fireworks,
    "fireworks-server-time-to-first-token": _fireworks,
    "x-total-time": _tgi,
    "server-timing": _server_timing,
    "x-envoy-upstream-service-time": _envoy,
}
_IN_ANSWER: Mapping[str, Callable[[Mapping[str, Any]], ServerTimings | None]] = {
    "timings": _llama_cpp,
    "time_info": _cerebras,
    "x_groq": _groq,
    "usage": _groq,
    "perf_metrics": _perf_metrics,
    "total_duration": _ollama,
}
"""Readers by the name without which they find nothing, in the order in which they are asked."""
