"""JSON Schema as editors need it: defaults as a file writes them, no clutter."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import TypeAdapter

from scenarios.strict import Strict

_LONGEST_DEFAULT = 300


def for_editors(model: type[Strict], title: str) -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of files that hold a `model`."""
    schema = model.model_json_schema()
    described = {"": schema, **schema["$defs"]}
    for part in (model, *_parts(model)):
        _write_defaults(described[part.__name__ if part is not model else ""], part)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_tidy(schema),
        "title": title,
        "patternProperties": {"^x-": {"description": "Ignored: a place for anchors."}},
    }


def _parts(model: type[Strict]) -> Iterator[type[Strict]]:
    named = model.model_json_schema()["$defs"]
    waiting = list(Strict.__subclasses__())
    while waiting:
        part = waiting.pop()
        waiting += part.__subclasses__()
        if part.__name__ in named and part.__module__.startswith("scenarios."):
            yield part


def _write_defaults(description: dict[str, Any], part: type[Strict]) -> None:
    for name, info in part.model_fields.items():
        if info.is_required() or "default" not in description["properties"][name]:
            continue
        hint: Any = Annotated[info.annotation, *info.metadata, None]
        written = TypeAdapter[Any](hint).dump_python(info.get_default(call_default_factory=True), mode="json")
        if written is None or len(str(written)) > _LONGEST_DEFAULT:
            del description["properties"][name]["default"]
        else:
            description["properties"][name]["default"] = written


def _tidy(schema: Any) -> Any:
    """Drop generated titles, and alternatives that nothing written can be."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema if item != {"not": {}}]
    if not isinstance(schema, dict):
        return schema
    return {key: _tidy(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)}
