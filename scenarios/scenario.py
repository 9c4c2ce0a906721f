"""What is asked for: the scenario file as frozen, validated values."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic import Strict as Exact

from scenarios.distribution import Distribution
from scenarios.editor_schema import for_editors
from scenarios.endpoint import Endpoint, Prices, Template, is_loopback
from scenarios.errors import ScenarioError
from scenarios.problem import explain
from scenarios.prompts import DEFAULT_PROMPTS, Prompt
from scenarios.quantities import Count, Duration, PositiveDuration, RandomDuration, parse_duration
from scenarios.simulated import Faults, Limit, Simulated, WaitForm
from scenarios.slo import Slo
from scenarios.source import read
from scenarios.strict import AlsoWritten, Contradiction, Strict

__all__ = [
    "Arm",
    "Conversation",
    "Endpoint",
    "Faults",
    "Limit",
    "Prices",
    "Scenario",
    "Simulated",
    "Template",
    "Throttle",
    "Timeouts",
    "Traffic",
    "Turns",
    "WaitForm",
    "json_schema",
    "load",
]


class Traffic(Strict):
    """Closed loop: `users` chat users, each with think time between turns."""

    later: ClassVar[frozenset[str]] = frozenset({"sessions_per_second", "requests_per_second"})
    other_names: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("concurrency", "vus", "clients"), "users"),
        **dict.fromkeys(("duration", "run_time", "time"), "steady"),
        **dict.fromkeys(("wait_time", "pause"), "think_time"),
        **dict.fromkeys(("spawn_rate", "ramp_up", "rampup"), "ramp"),
        **dict.fromkeys(("warmup", "warm-up"), "warm_up"),
    }

    users: Count = 10
    """Chat users at the same time on each endpoint."""
    ramp: Duration = 10.0
    """Time in which the users arrive."""
    warm_up: Duration = 10.0
    """Time under full load before anything counts."""
    steady: PositiveDuration = 60.0
    """Time that is measured."""
    drain: Duration = 30.0
    """Longest time given to answers under way at the end."""
    think_time: RandomDuration = Distribution.of(4.0, 20.0)
    """Pause between an answer and the next turn."""


class Turns(Strict):
    """How many turns a conversation has: uniform over min..max."""

    min: Count = 1
    """Fewest turns."""
    max: Count = 1
    """Most turns."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield a maximum below the minimum."""
        least, most = data.get("min"), data.get("max")
        if isinstance(least, int) and isinstance(most, int) and most < least:
            yield "max", f"max ({most}) cannot be below min ({least})"


class Timeouts(Strict):
    """Deadlines of one attempt."""

    other_names: ClassVar[Mapping[str, str]] = {"read": "idle", "ttft": "first_byte"}

    connect: PositiveDuration = 10.0
    """To a connection, TLS included."""
    first_byte: PositiveDuration = 120.0
    """From the request sent to the first byte of the answer."""
    idle: PositiveDuration = 60.0
    """Between two pieces of an answer."""
    total: PositiveDuration = 300.0
    """From the request sent to the answer's end."""


def _turns(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"min": value, "max": value}
    if isinstance(value, dict) and len(value) == 1 and value.keys() <= {"min", "max"}:
        return {"min": value.get("min", 1), "max": value.get("max", value.get("min"))}
    return value


def _prompts(value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    return [_prompt(number, item) for number, item in enumerate(value, start=1)]


def _prompt(number: int, item: object) -> object:
    return item if isinstance(item, dict | Prompt) else {"id": f"prompt-{number:03d}", "turns": [item]}


def _distinct(prompts: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
    double = next((name for name, times in Counter(prompt.id for prompt in prompts).items() if times > 1), None)
    if double is not None:
        raise ValueError(f"id {double} stands twice: give each prompt its own")
    if not prompts:
        raise ValueError("nothing is said: write at least one prompt, or remove the key")
    return prompts


class Conversation(Strict):
    """What users say: a JSON-lines file of prompts or a list, turns per conversation, length asked for, streaming."""

    other_names: ClassVar[Mapping[str, str]] = {
        "max_tokens": "max_output_tokens",
        "messages": "prompts",
        "streaming": "stream",
        "timeout": "timeouts",
    }

    prompts: Annotated[
        tuple[Prompt, ...],
        BeforeValidator(_prompts),
        AfterValidator(_distinct),
        AlsoWritten({"type": "string"}, items={"type": "string"}),
    ] = DEFAULT_PROMPTS
    """A JSON-lines file of prompts, or a list of what users say first."""
    turns: Annotated[Turns, BeforeValidator(_turns), AlsoWritten({"type": "integer", "minimum": 1})] = Turns()
    """Turns per conversation: a number, or {min, max}."""
    max_output_tokens: Count = 256
    """Longest answer asked for."""
    stream: Annotated[bool, Exact()] = True
    """Ask for the answer piece by piece."""
    timeouts: Timeouts = Timeouts()
    """Deadlines of one attempt."""


class Throttle(Strict):
    """What a user does when told to wait."""

    other_names: ClassVar[Mapping[str, str]] = {
        "retries": "max_attempts",
        "max_retries": "max_attempts",
        "mode": "policy",
    }

    policy: Literal["honor", "naive", "none"] = "honor"
    """honor: wait as told; naive: try again at once; none: do not try again."""
    max_wait: Duration = 120.0
    """Longest single wait obeyed; a longer one is given up, never cut short."""
    max_total_wait: Duration | None = None
    """Longest wait of one turn in all; left out = only `max_attempts` limits it."""
    max_attempts: Count = 10
    """Attempts per turn."""
    scope: Literal["key", "user"] = "key"
    """key: a refusal holds back all who use the key, who then return paced; user: only who was refused."""
    pace: Literal["fixed", "adaptive"] = "fixed"
    """fixed: return at the rate admitted before; adaptive: a rate that feels its way up to the limit."""
    i_know_this_hammers: Annotated[bool, Exact()] = False
    """Needed for policy: naive against an endpoint on another machine."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield a total below a single wait."""
        try:
            longest, total = parse_duration(data.get("max_wait", "120s")), parse_duration(data.get("max_total_wait"))
        except ValueError:
            return
        if total < longest:
            yield "max_total_wait", f"max_total_wait ({total:g}s) cannot be below max_wait ({longest:g}s)"


class Arm(Strict):
    """One way to load the endpoints: what it sets stands in for the scenario's own, key by key."""

    endpoints: tuple[str, ...] = ()
    """Endpoints that get this arm; left out = all."""
    traffic: Traffic | None = None
    """Keys of traffic that differ in this arm."""
    throttle: Throttle | None = None
    """Keys of throttle that differ in this arm."""


EndpointName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64)]


class Scenario(Strict):
    """A whole campaign."""

    later: ClassVar[frozenset[str]] = frozenset(
        {"campaign", "budget", "cost", "compare", "selection", "quality", "routing"}
    )
    other_names: ClassVar[Mapping[str, str]] = {
        "models": "endpoints",
        "targets": "endpoints",
        "slos": "slo",
        "load": "traffic",
        "retry": "throttle",
    }

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)] = "scenario"
    """Name of the run's folder; left out = the file's name."""
    seed: Annotated[int, Exact(), Field(ge=0)] = 1
    """Same seed, same plan."""
    endpoints: Annotated[dict[EndpointName, Endpoint], Field(min_length=1)]
    """The models under test, by name."""
    traffic: Traffic = Traffic()
    """How many users, and for how long."""
    conversation: Conversation = Conversation()
    """What users say."""
    throttle: Throttle = Throttle()
    """What users do when told to wait."""
    arms: dict[EndpointName, Arm] = Field(default_factory=dict)
    """Several ways to load each endpoint, one after the other; left out = one way."""
    slo: tuple[Slo, ...] = ()
    """Objectives, one line each."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield hammering another machine without saying so."""
        for key, throttle in _throttles(data):
            if throttle.get("policy") == "naive" and not throttle.get("i_know_this_hammers"):
                for name in _elsewhere(data.get("endpoints")):
                    remedy = "use honor, or set i_know_this_hammers: true"
                    yield f"{key}.policy", f"naive would hammer {name} on another host: {remedy}"
        yield from _strangers(data)

    def to_document(self) -> dict[str, Any]:
        """Give everything as JSON values, prompts included: what workers and run.json get. Holds no secrets."""
        without = {name: {"ca_file"} for name, endpoint in self.endpoints.items() if endpoint.ca_pem is not None}
        document = self.model_dump(mode="json", exclude={"endpoints": without})
        # What an arm leaves unset is the scenario's: it must not come back as the default.
        document["arms"] = {name: arm.model_dump(mode="json", exclude_unset=True) for name, arm in self.arms.items()}
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` gave. Raises ScenarioError."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            lines = [
                f"scenario: {'.'.join(map(str, found['loc']))}: {explain(found, None)}" for found in error.errors()
            ]
            raise ScenarioError(lines) from None

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Each endpoint with each of its arms, in the order in which they are loaded; "" is the only arm of none."""
        return tuple(
            (endpoint, arm)
            for endpoint in self.endpoints
            for arm in self.arms or ("",)
            if not arm or not self.arms[arm].endpoints or endpoint in self.arms[arm].endpoints
        )

    def for_arm(self, name: str) -> Self:
        """Give the scenario as an arm changes it."""
        if not name:
            return self
        arm = self.arms[name]
        return self.model_copy(
            update={"traffic": _over(self.traffic, arm.traffic), "throttle": _over(self.throttle, arm.throttle)}
        )

    @property
    def digest(self) -> str:
        """sha256 of the document as canonical JSON."""
        text = json.dumps(self.to_document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


Part = TypeVar("Part", Traffic, Throttle)


def _over(base: Part, changes: Part | None) -> Part:
    if changes is None:
        return base
    return base.model_copy(update={name: getattr(changes, name) for name in changes.model_fields_set})


def _throttles(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    arms = data.get("arms")
    found = {"throttle": data.get("throttle")}
    for name, arm in arms.items() if isinstance(arms, dict) else ():
        found[f"arms.{name}.throttle"] = arm.get("throttle") if isinstance(arm, dict) else None
    yield from ((key, throttle) for key, throttle in found.items() if isinstance(throttle, dict))


def _strangers(data: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield arms of endpoints that there are not."""
    arms, known = data.get("arms"), data.get("endpoints")
    if not isinstance(arms, dict) or not isinstance(known, dict):
        return
    for name, arm in arms.items():
        named = arm.get("endpoints") if isinstance(arm, dict) else None
        for endpoint in named if isinstance(named, list | tuple) else ():
            if endpoint not in known:
                yield (
                    f"arms.{name}.endpoints",
                    f"there is no endpoint {endpoint}: known are {', '.join(map(str, known))}",
                )


def _elsewhere(endpoints: object) -> Iterator[str]:
    for name, endpoint in endpoints.items() if isinstance(endpoints, dict) else ():
        url = endpoint.get("url") if isinstance(endpoint, dict) else getattr(endpoint, "url", None)
        if isinstance(url, str) and not is_loopback(url):
            yield str(name)


def load(path: str | Path, *, check_env: bool = True) -> Scenario:
    """Read a scenario file. Raises ScenarioError with every problem as `file:line:col: …`.

    With `check_env`, each endpoint's `key_env` must be set in the environment.
    """
    return read(str(path), Scenario, check_env=check_env)


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of a scenario file, for editors."""
    return for_editors(Scenario, "Tailgate scenario")
