"""Service-level objectives: one line each, such as `p95(ttft_ms) < 800`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from scenarios import bound
from scenarios.quantities import shown
from scenarios.records import Outcome

Kind = Literal["latency", "share", "quality", "scalar"]
Comparator = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Metric:
    """What an SLO can be about, in its `unit`; only a `latency` takes a quantile or a mean.

    A `share` is of all intended turns, a `quality` of the answers that were graded.
    """

    name: str
    unit: str
    kind: Kind


_LATENCIES = (
    *("ttft_ms", "ttfo_ms", "tpot_ms", "gap_ms"),
    *("response_time_ms", "service_time_ms", "throttled_time_ms", "schedule_lag_ms"),
)
_SHARES = (*(f"{outcome}_share" for outcome in Outcome), "failed_share")
_QUALITIES = (
    *("accuracy", "accuracy_of_intended", "hallucination_share", "policy_safe_share", "unsafe_share"),
    *("wrong_share", "over_refusal_share", "terse_share", "fallback_share"),
)
_SCALARS = {
    "cost_per_1k_responses_usd": "usd",
    "cost_per_response_usd": "usd",
    "cost_per_good_response_usd": "usd",
    "cost_per_conversation_usd": "usd",
    "cost_per_document_usd": "usd",
    "cost_per_month_usd": "usd",
    "cost_per_million_input_tokens_usd": "usd",
    "cost_per_million_output_tokens_usd": "usd",
    "wasted_share": "share",
    "attainment": "share",
    "goodput_turns_per_second": "per_second",
    "turns_per_second": "per_second",
    "output_tokens_per_second": "per_second",
}
METRICS: dict[str, Metric] = {
    **{name: Metric(name, "ms", "latency") for name in _LATENCIES},
    **{name: Metric(name, "share", "share") for name in _SHARES},
    **{name: Metric(name, "share", "quality") for name in _QUALITIES},
    **{name: Metric(name, unit, "scalar") for name, unit in _SCALARS.items()},
}
"""Every metric by name. `throttled_share`: turns with at least one 429; `failed_share`: 1 - successful turns.

`wasted_share`: what attempts without an answer cost, of all cost. `attainment`: turns with success that met each limit
on a latency, of all intended turns; goodput: the same per second.
"""

ALIASES = {"goodput": "goodput_turns_per_second"}
"""Other names of metrics."""

_LINE = re.compile(r"(?P<subject>.+?)\s*(?P<comparator><=|>=|<|>)\s*(?P<bound>[^<>=]+)")
_SUBJECT = re.compile(r"(?:(?P<function>[A-Za-z0-9_.]+)\s*\(\s*(?P<of>[A-Za-z0-9_]+)\s*\)|(?P<bare>[A-Za-z0-9_]+))")
_WHERE = re.compile(r"\s+where\s+", re.IGNORECASE)
_CONDITION = re.compile(r"(?P<what>[A-Za-z_]+)\s*=\s*(?P<name>[^\s=<>]+)")
FILTERS = ("endpoint", "arm", "kind")
_EXAMPLE = "write a line such as p95(ttft_ms) < 800"


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective: `quantile` of `metric` (None = its mean, or a metric that is one number) against `limit`.

    `limit` is in the metric's `unit`; `text` is the line as written, with blanks normalised. With the `form` `ratio` or
    `difference` it is what the figure may be relative to a baseline's. `endpoint`, `arm`, `kind` narrow the line down;
    "" is all of them.
    """

    text: str
    metric: str
    quantile: float | None
    comparator: Comparator
    limit: float
    unit: str
    form: bound.Form = "limit"
    endpoint: str = ""
    arm: str = ""
    kind: str = ""

    @property
    def subject(self) -> str:
        """What the line is about: `p95(ttft_ms)`."""
        if METRICS[self.metric].kind != "latency":
            return self.metric
        return f"mean({self.metric})" if self.quantile is None else f"p{self.quantile * 100:g}({self.metric})"

    def met_by(self, value: float) -> bool:
        """Say whether `value`, in the metric's unit, keeps the objective."""
        if self.comparator.startswith("<"):
            return value < self.limit or (value == self.limit and self.comparator == "<=")
        return value > self.limit or (value == self.limit and self.comparator == ">=")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Read from text, write as text."""
        return core_schema.no_info_plain_validator_function(
            _validate, serialization=core_schema.plain_serializer_function_ser_schema(lambda slo: slo.text)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the line for editors."""
        return {"type": "string", "pattern": "[<>]", "examples": ["p95(ttft_ms) < 800", "throttled_share < 1%"]}


def _validate(value: object) -> Slo:
    if isinstance(value, Slo):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not an SLO line: {_EXAMPLE}")  # noqa: TRY004 - pydantic collects ValueError
    return parse_slo(value)


def parse_slo(text: str) -> Slo:
    """Read one line. Raises ValueError with what would be right.

    ```
    line       = subject comparator bound [ "where" condition { "and" condition } ]
    subject    = function "(" latency ")" | share | quality | scalar
    function   = "mean" | "p" number            50 <= number <= 99.9
    comparator = "<" | "<=" | ">" | ">="
    bound      = limit | relative
    limit      = [ "$" ] number [ unit ]        unit: ms s m | % | usd | /s; none = the metric's own
    relative   = [ number times ] "baseline" | "baseline" times number | "baseline" change
    times      = "x" | "*"
    change     = ( "+" | "-" ) limit            % = of the baseline's figure (not for shares); pp = points of a share
    condition  = ( "endpoint" | "arm" | "kind" ) "=" name
    ```
    A line without conditions is held against each endpoint and arm. A relative one needs `gate --baseline`.
    """
    return _parse(text, _either)


def parse_margin(text: str) -> Slo:
    """Read one line of `compare:`, whose bound is relative to the baseline. Raises ValueError with what would be right.

    ```
    bound      = number [ "x" ] | change | relative   number: the ratio to the baseline's figure
    ```
    """
    return _parse(text, _margin)


def _either(text: str, metric: Metric) -> bound.Bound:
    if "baseline" in text:
        return bound.of_baseline(text, metric.name, metric.unit)
    return bound.limit(text, metric.name, metric.unit)


def _margin(text: str, metric: Metric) -> bound.Bound:
    if "baseline" in text:
        return bound.of_baseline(text, metric.name, metric.unit)
    return bound.margin(text, metric.name, metric.unit)


def _parse(text: str, read_bound: Callable[[str, Metric], bound.Bound]) -> Slo:
    line = " ".join(text.split())
    body, *where = _WHERE.split(line, maxsplit=1)
    match = _LINE.fullmatch(body)
    if match is None:
        hint = "compare with <, <=, > or >=" if "=" in body else _EXAMPLE
        raise ValueError(f"'{line}' is not an SLO line: {hint}")
    metric, quantile = parse_subject(match["subject"])
    found = read_bound(match["bound"].strip(), metric)
    comparator: Any = match["comparator"]
    conditions = _conditions(where[0]) if where else {}
    return Slo(line, metric.name, quantile, comparator, found.value, metric.unit, found.form, **conditions)


def _conditions(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in re.split(r"\s+and\s+", text):
        match = _CONDITION.fullmatch(each.strip())
        if match is None or match["what"] not in FILTERS:
            raise ValueError(f"'{each}' is no condition: write where endpoint=NAME, arm=NAME or kind=NAME")
        if match["what"] in found:
            raise ValueError(f"{match['what']} stands twice after where: keep one")
        found[match["what"]] = match["name"]
    return found


def parse_subject(text: str) -> tuple[Metric, float | None]:
    """Read the part of a line that says what it is about. Raises ValueError."""
    match = _SUBJECT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is no metric: {_EXAMPLE}")
    if match["bare"]:
        metric = _metric(match["bare"])
        if metric.kind == "latency":
            raise ValueError(f"{metric.name} is a distribution: write p95({metric.name}) or mean({metric.name})")
        return metric, None
    quantile, metric = _quantile(match["function"]), _metric(match["of"])
    if metric.kind != "latency":
        raise ValueError(f"{metric.name} is one number: write {metric.name} without {match['function']}()")
    return metric, quantile


def _metric(name: str) -> Metric:
    name = ALIASES.get(name, name)
    if name in METRICS:
        return METRICS[name]
    close = get_close_matches(name, METRICS, n=1) or get_close_matches(f"{name}_ms", METRICS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(METRICS)}"
    raise ValueError(f"'{name}' is not a metric: {hint}")


def _quantile(function: str) -> float | None:
    if function == "mean":
        return None
    match = re.fullmatch(r"p([0-9]+(?:\.[0-9]+)?)", function)
    if match is None:
        raise ValueError(f"'{function}' is not a function: use mean or a percentile from p50 to p99.9")
    percent = float(match[1])
    if not 50 <= percent <= 99.9:
        raise ValueError(f"{function} is out of range: use a percentile from p50 to p99.9")
    return round(percent / 100, 12)
