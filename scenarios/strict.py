"""The base of every part of a scenario: frozen, no unknown keys, and all problems of a part reported together."""

from collections.abc import Iterator, Mapping
from typing import Any, Self, cast

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails

Contradiction = tuple[str, str]
"""The key at fault ("" = the part as a whole) and what is wrong with it."""


class Strict(BaseModel):
    """A frozen model that refuses unknown keys and says everything that is wrong with it at once."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:  # noqa: ARG003 - for subclasses
        """Yield what does not go together in `data`, whose values may themselves be wrong or missing."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _everything_at_once(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        details = [_detail(*found) for found in cls.contradictions(data)] if isinstance(data, dict) else []
        try:
            model = handler(data)
        except ValidationError as error:
            details = [*cast("list[InitErrorDetails]", error.errors(include_url=False)), *details]
        if details:
            raise ValidationError.from_exception_data(cls.__name__, details)
        return model


def _detail(key: str, text: str) -> InitErrorDetails:
    loc = (key,) if key else ()
    return InitErrorDetails(type="value_error", loc=loc, input=None, ctx={"error": ValueError(text)})
