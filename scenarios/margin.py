"""Margins: how much worse than a baseline a candidate may be, one line each, such as `p95(ttft_ms) <= 1.10`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from scenarios.quantities import shown
from scenarios.slo import Slo, parse_margin, parse_slo
from scenarios.strict import Contradiction


class _AsMargin:
    """Reads a line with the grammar of `compare:`, writes its text."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _validate, serialization=core_schema.plain_serializer_function_ser_schema(lambda line: line.text)
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": "[<>]",
            "examples": ["p95(response_time_ms) <= 1.10", "failed_share <= +1pp"],
        }


Margin = Annotated[Slo, _AsMargin()]
"""A line whose limit is relative to a baseline."""


def _validate(value: object) -> Slo:
    if isinstance(value, Slo):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is no margin: write a line such as p95(response_time_ms) <= 1.10")  # noqa: TRY004 - pydantic collects ValueError
    return parse_margin(value)


def nowhere(data: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield lines about endpoints and arms that there are not."""
    selection = data.get("selection")
    limits = selection.get("limits") if isinstance(selection, Mapping) else None
    for key, lines, parse in (
        ("slo", data.get("slo"), parse_slo),
        ("compare", data.get("compare"), parse_margin),
        ("selection.limits", limits, parse_slo),
    ):
        for text in lines if isinstance(lines, list | tuple) else ():
            yield from ((key, said) for said in _strange(text, parse, data))


def _strange(text: object, parse: Callable[[str], Slo], data: Mapping[str, Any]) -> Iterator[str]:
    try:
        line = parse(str(text))
    except ValueError:
        return  # said where the line is read
    for what, name in (("endpoint", line.endpoint), ("arm", line.arm)):
        known = data.get(f"{what}s")
        names = [str(each) for each in known] if isinstance(known, Mapping) else []
        if name and name not in names:
            yield f"there is no {what} {name} ({line.text}): known are {', '.join(names) or 'none'}"
