"""The base of every part of a scenario: frozen, no unknown keys, and all problems of a part reported together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema

Contradiction = tuple[str, str]
"""The key at fault ("" = the part as a whole, dots lead inwards) and what is wrong with it."""


@dataclass(frozen=True)
class AlsoWritten:
    """Tells editors of a shorter way to write a value, or each item of a list."""

    value: dict[str, Any]
    items: dict[str, Any] | None = None

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Offer both ways."""
        full = handler(schema)
        if self.items is not None:
            full = {**full, "items": {"anyOf": [self.items, full["items"]]}}
        return {"anyOf": [self.value, full]}


class UnknownKeyError(ValueError):
    """A key that a part does not have: the key is at fault, not its value."""


class Strict(BaseModel):
    """A frozen model that refuses unknown keys and says everything that is wrong with it at once."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    later: ClassVar[frozenset[str]] = frozenset()
    """Keys whose machinery comes later."""
    other_names: ClassVar[Mapping[str, str]] = {}
    """What people write who know other tools, and the key meant."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:  # noqa: ARG003 - for subclasses
        """Yield what does not go together in `data`, whose values may themselves be wrong or missing."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _everything_at_once(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        details = [_detail(key, ValueError(text)) for key, text in cls._contradictions(data)]
        try:
            model = handler(data)
        except ValidationError as error:
            details = [*(cls._explained(found) for found in error.errors(include_url=False)), *details]
        if details:
            raise ValidationError.from_exception_data(cls.__name__, details)
        return model

    @classmethod
    def _contradictions(cls, data: Any) -> Iterator[Contradiction]:
        if isinstance(data, dict):
            yield from cls.contradictions(data)

    @classmethod
    def _explained(cls, found: ErrorDetails) -> InitErrorDetails:
        if found["type"] != "extra_forbidden" or len(found["loc"]) != 1:
            return _again(found)
        key = str(found["loc"][0])
        error = UnknownKeyError(cls._unknown(key))
        return InitErrorDetails(type="value_error", loc=found["loc"], input=None, ctx={"error": error})

    @classmethod
    def _unknown(cls, key: str) -> str:
        if key in cls.later:
            return f"{key} is not supported yet: remove it"
        known = list(cls.model_fields)
        close = [cls.other_names[key]] if key in cls.other_names else get_close_matches(key.lower(), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known here are {', '.join(known)}"
        return f"{key} is not a known key: {hint}"


def _detail(key: str, error: ValueError) -> InitErrorDetails:
    return InitErrorDetails(
        type="value_error", loc=tuple(key.split(".")) if key else (), input=None, ctx={"error": error}
    )


def _again(found: ErrorDetails) -> InitErrorDetails:
    known, context = found["type"] in get_args(core_schema.ErrorType), found.get("ctx", {})
    kind = found["type"] if known else PydanticCustomError(found["type"], "{said}", {"said": found["msg"], **context})
    return InitErrorDetails(type=kind, loc=found["loc"], input=found["input"], ctx=context)
