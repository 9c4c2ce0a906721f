"""What is asked for: the scenario file as frozen, validated values."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from scenarios.distribution import Distribution
from scenarios.quantities import Duration, RandomCount, RandomDuration
from scenarios.slo import Slo


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Prices(Strict):
    """USD per million tokens."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None


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


class Limit(Strict):
    """A simulated request limit, per key. `window`: fixed windows of `per`; `bucket`: refills evenly, holds `burst`."""

    kind: Literal["fixed_window", "token_bucket"]
    requests: Annotated[int, Field(gt=0)]
    per: Duration = 1.0
    burst: Annotated[int, Field(gt=0)] | None = None
    status: Literal[429, 503, 529] = 429
    retry_after: WaitForm = "seconds"


class Faults(Strict):
    """Shares of requests that a simulated endpoint spoils, each kind apart."""

    error_500: float = 0
    error_503: float = 0
    error_529: float = 0
    stream_error: float = 0
    cut: float = 0
    stall: float = 0
    slow_first_byte: float = 0
    missing_done: float = 0
    role_only: float = 0
    no_usage: float = 0
    wrong_usage: float = 0


class Simulated(Strict):
    """A simulated model behind a real HTTP server: first-token time, speed, answer length, queue and limits."""

    ttft: RandomDuration = Distribution.of(0.2, 0.8)
    tokens_per_second: Annotated[float, Field(gt=0)] = 50
    output_tokens: RandomCount = Distribution.of(120, 400)
    reasoning_tokens: RandomCount | None = None
    concurrency: Annotated[int, Field(gt=0)] | None = None
    max_queue: Annotated[int, Field(ge=0)] | None = None
    limit: Limit | None = None
    faults: Faults = Faults()


class Template(Strict):
    """The single-shot form of the `generic` API: what to send and where the text stands in the answer."""

    path: str = ""
    body: dict[str, object] = Field(default_factory=lambda: {"prompt": "{prompt}", "max_tokens": "{max_tokens}"})
    text: str = "text"


class Endpoint(Strict):
    """One model behind one URL, or a simulated one."""

    api: Literal["openai-chat", "generic"] = "openai-chat"
    url: str | None = None
    model: str = ""
    key_env: str | None = None
    prices: Prices | None = None
    simulated: Simulated | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    template: Template = Template()
    insecure: bool = False
    ca_file: Path | None = None


class Traffic(Strict):
    """Closed loop: `users` chat users, each with think time between turns."""

    users: Annotated[int, Field(gt=0)] = 10
    ramp: Duration = 10.0
    warm_up: Duration = 10.0
    steady: Duration = 60.0
    drain: Duration = 30.0
    think_time: RandomDuration = Distribution.of(4.0, 20.0)


class Turns(Strict):
    """How many turns a conversation has: uniform over min..max."""

    min: Annotated[int, Field(gt=0)] = 1
    max: Annotated[int, Field(gt=0)] = 1


class Timeouts(Strict):
    """Deadlines of one attempt."""

    connect: Duration = 10.0
    first_byte: Duration = 120.0
    idle: Duration = 60.0
    total: Duration = 300.0


class Conversation(Strict):
    """What users say: a JSON-lines file of prompts or a list, turns per conversation, length asked for, streaming."""

    prompts: Path | tuple[str, ...]
    turns: Turns = Turns()
    max_output_tokens: Annotated[int, Field(gt=0)] = 256
    stream: bool = True
    timeouts: Timeouts = Timeouts()


class Throttle(Strict):
    """What a user does when told to wait."""

    policy: Literal["honor", "naive", "none"] = "honor"
    max_wait: Duration = 120.0
    max_attempts: Annotated[int, Field(gt=0)] = 10


class Scenario(Strict):
    """A whole campaign."""

    name: str
    seed: int = 1
    endpoints: dict[str, Endpoint]
    traffic: Traffic = Traffic()
    conversation: Conversation
    throttle: Throttle = Throttle()
    slo: tuple[Slo, ...] = ()
