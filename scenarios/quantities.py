"""Durations and random quantities as a scenario writes them: `120ms`, `5m`, `{median: 4s, p99: 20s}`."""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Union

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    InstanceOf,
    PlainSerializer,
    Tag,
    WithJsonSchema,
)
from pydantic import Strict as Exact
from pydantic_core import core_schema

from scenarios.distribution import Distribution
from scenarios.strict import Contradiction, Strict

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_DURATION = re.compile(
    rf"(?:(?P<h>{_NUMBER})h)?(?:(?P<m>{_NUMBER})m(?!s))?(?:(?P<s>{_NUMBER})s)?(?:(?P<ms>{_NUMBER})ms)?"
)
DURATION_PATTERN = rf"^(0|(?=[0-9])({_NUMBER}h)?({_NUMBER}m(?!s))?({_NUMBER}s)?({_NUMBER}ms)?)$"
"""What an editor accepts as a duration (the same language as `parse_duration`)."""
_UNITS = {"h": Decimal(3600), "m": Decimal(60), "s": Decimal(1), "ms": Decimal("0.001")}
_LONGEST_S = 366 * 24 * 3600


def parse_duration(value: object) -> float:
    """Give the seconds that `120ms`, `30s`, `5m`, `1h` or `1h30m` stands for.

    Raises ValueError with what would be right.
    """
    text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    if text in {"0", "0.0"}:
        return 0.0
    if re.fullmatch(_NUMBER, text):
        raise ValueError(f"{text} has no unit: write {text}s (ms, s, m and h are known)")
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{shown(value)} is not a duration: write a number and a unit, such as 120ms, 30s, 5m or 1h")
    seconds = float(sum(Decimal(number) * _UNITS[unit] for unit, number in match.groupdict().items() if number))
    if seconds > _LONGEST_S:
        raise ValueError(f"{text} is longer than a year")
    return seconds


def shown(value: object) -> str:
    """Give `value` as a scenario file would write it."""
    return "nothing" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def format_duration(seconds: float) -> str:
    """Give the shortest text that `parse_duration` reads as exactly `seconds`."""
    exact = Decimal(repr(seconds))
    if exact == 0:
        return "0s"
    if exact < 1:
        return f"{_plain(exact * 1000)}ms"
    unit = next((unit for unit in ("h", "m") if exact % _UNITS[unit] == 0), "s")
    return f"{_plain(exact / _UNITS[unit])}{unit}"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _above_zero(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("0 is too short: write a duration above 0, such as 30s")
    return seconds


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"const": 0}]}),
]
"""Seconds, written with a unit: `120ms`, `30s`, `5m`, `1h30m`; only 0 may stand alone."""

PositiveDuration = Annotated[Duration, AfterValidator(_above_zero)]
"""A `Duration` above 0."""

Count = Annotated[int, Exact(), Field(gt=0)]
"""A whole number above 0."""

Share = Annotated[float, Exact(), Field(ge=0, le=1)]
"""A part of a whole, 0 to 1."""


class _DurationSpread(Strict):
    """A random duration: half of the draws lie below `median`, 99 of 100 below `p99`."""

    median: PositiveDuration
    p99: PositiveDuration

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield a p99 below the median."""
        yield from _below_median(data, parse_duration)


class _CountSpread(Strict):
    """A random count: half of the draws lie below `median`, 99 of 100 below `p99`."""

    median: Count
    p99: Count

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield a p99 below the median."""
        yield from _below_median(data, float)


def _below_median(data: Mapping[str, Any], number: Callable[[Any], float]) -> Iterator[Contradiction]:
    try:
        median, p99 = number(data["median"]), number(data["p99"])
    except (KeyError, TypeError, ValueError):
        return
    if 0 < p99 < median:
        yield "p99", f"p99 ({data['p99']}) cannot be below median ({data['median']})"


def _form(value: object) -> str:
    if isinstance(value, dict):
        return "spread"
    return "ready" if isinstance(value, Distribution) else "plain"


def _distribution(value: float | Distribution | _DurationSpread | _CountSpread) -> Distribution:
    if isinstance(value, Distribution):
        return value
    if isinstance(value, _DurationSpread | _CountSpread):
        return Distribution.of(float(value.median), float(value.p99))
    return Distribution.of(float(value))


def _random(plain: Any, spread: Any) -> GetPydanticSchema:
    """Read a plain value, a `{median, p99}` or a ready `Distribution`; errors keep their place inside the mapping."""
    form: Any = Annotated[
        Union[  # noqa: UP007 - the parts are values here
            Annotated[plain, Tag("plain")],
            Annotated[spread, Tag("spread")],
            Annotated[InstanceOf[Distribution], Tag("ready"), WithJsonSchema({"not": {}})],
        ],
        Discriminator(_form),
    ]

    def schema(_source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(_distribution, handler.generate_schema(form))

    return GetPydanticSchema(schema)


def _write(distribution: Distribution, text: Callable[[float], Any]) -> Any:
    if distribution.sigma == 0:
        return text(distribution.median)
    p99 = distribution.quantile(0.99) if distribution.p99 is None else distribution.p99
    return {"median": text(distribution.median), "p99": text(p99)}


def _write_durations(distribution: Distribution) -> Any:
    return _write(distribution, format_duration)


def _write_counts(distribution: Distribution) -> Any:
    return _write(distribution, round)


RandomDuration = Annotated[
    Distribution, _random(Duration, _DurationSpread), PlainSerializer(_write_durations, when_used="json")
]
"""Random seconds: a duration, or `{median: 4s, p99: 20s}`."""

RandomCount = Annotated[Distribution, _random(Count, _CountSpread), PlainSerializer(_write_counts, when_used="json")]
"""A random whole number: a number, or `{median: 120, p99: 400}`."""
