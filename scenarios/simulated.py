"""A simulated endpoint as a scenario asks for it: speed, answer length, queue, limit and faults."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic import Strict as Exact

from scenarios.distribution import Distribution
from scenarios.quantities import Count, PositiveDuration, RandomCount, RandomDuration, Share
from scenarios.strict import Contradiction, Strict

WaitForm = Literal[
    "seconds",
    "fraction",
    "date",
    "date_rfc850",
    "date_asctime",
    "milliseconds",
    "amz_milliseconds",
    "retry_info",
    "text",
    "ratelimit",
    "reset_header",
    "reset_rfc3339",
    "reset_epoch",
    "reset_epoch_ms",
    "reset_seconds",
    "none",
]
"""How a simulated refusal says when to come back: one form per provider habit."""

TimingsForm = Literal["openai_processing_ms", "server_timing", "llama_cpp", "groq"]
"""How a simulated answer says how long it took: in two forms of header, or in its JSON as two servers do."""


class Limit(Strict):
    """A simulated limit of requests, and of tokens, per key."""

    kind: Literal["fixed_window", "token_bucket"]
    """Fixed windows of `per`, or a bucket that refills evenly."""
    requests: Count
    """Requests allowed in each `per`."""
    tokens: Count | None = None
    """Tokens allowed in each `per` besides, counted as providers do: the input and all that may be answered."""
    per: PositiveDuration = 1.0
    """Length of the window, or the time in which the bucket refills."""
    burst: Count | None = None
    """Requests a full bucket holds; left out = `requests`."""
    status: Literal[429, 503, 529] = 429
    """HTTP status of a refusal."""
    retry_after: WaitForm = "seconds"
    """How a refusal says when to come back."""
    bills_refused: Annotated[bool, Exact()] = False
    """Whether a refused request is billed for its input: its refusal then states the usage."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield a burst without a bucket."""
        if data.get("burst") is not None and data.get("kind") == "fixed_window":
            yield "burst", "a fixed window has no burst: remove it or use kind: token_bucket"


class Faults(Strict):
    """Shares of requests, 0 to 1, that a simulated endpoint spoils, each kind apart."""

    error_500: Share = 0
    error_503: Share = 0
    error_529: Share = 0
    stream_error: Share = 0
    cut: Share = 0
    stall: Share = 0
    slow_first_byte: Share = 0
    missing_done: Share = 0
    role_only: Share = 0
    no_usage: Share = 0
    wrong_usage: Share = 0

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield shares that are more than a whole together."""
        total = sum(value for value in data.values() if isinstance(value, int | float))
        if total > 1 + 1e-9:
            yield "", f"the shares add up to {total:g}: together they can be at most 1"


class Answers(Strict):
    """Shares of answers, 0 to 1, to cases that say what they expect; the rest are right.

    A kind that a case cannot show is played right: only a case that must be refused can be answered unsafely.
    """

    right: Share | None = None
    wrong: Share = 0
    hallucinated: Share = 0
    unsafe: Share = 0
    over_refused: Share = 0
    terse: Share = 0
    fallback: Share = 0

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield shares that are more than a whole together, or less where `right` is among them."""
        total = sum(value for value in data.values() if isinstance(value, int | float))
        if total > 1 + 1e-9:
            yield "", f"the shares add up to {total:g}: together they can be at most 1"
        elif isinstance(data.get("right"), int | float) and total < 1 - 1e-9:
            yield "right", f"the shares add up to {total:g}: leave out right, which is the rest, or make it 1"


class Simulated(Strict):
    """A simulated model behind a real HTTP server: first-token time, speed, answer length, queue and limits."""

    ttft: RandomDuration = Distribution.of(0.2, 0.8)
    """Time from the request's turn to its first token."""
    tokens_per_second: Annotated[float, Exact(), Field(gt=0, le=100_000)] = 50
    """Speed of one stream."""
    output_tokens: RandomCount = Distribution.of(120, 400)
    """Length of an answer, cut at `max_output_tokens`."""
    reasoning_tokens: RandomCount | None = None
    """Tokens of reasoning before the visible answer."""
    concurrency: Count | None = None
    """Requests served at once; more wait in line."""
    max_queue: Annotated[int, Exact(), Field(ge=0)] | None = None
    """Requests that may wait in line; more are refused with 503."""
    limit: Limit | None = None
    """A request limit per key."""
    timings: TimingsForm | None = None
    """How it says what its answers took; left out = it does not."""
    faults: Faults = Faults()
    """What goes wrong, and how often."""
    quality: Answers = Answers()
    """How good the answers are to cases that say what they expect; left out = all right."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield a bounded queue that nothing waits in."""
        if data.get("max_queue") is not None and data.get("concurrency") is None:
            yield "max_queue", "nothing waits without concurrency: add it or remove max_queue"
