"""Selection: what makes one candidate better than another."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from scenarios.slo import Slo, parse_subject
from scenarios.strict import Contradiction, Strict

Weight = Annotated[float, Field(gt=0)]


class Selection(Strict):
    """Hard limits that a candidate must keep, and how much each figure counts among those that do."""

    limits: tuple[Slo, ...] = ()
    """Lines that a candidate must keep; left out = the lines under slo."""
    weights: dict[str, Weight] = Field(default_factory=dict)
    """By figure, such as p95(ttft_ms) or cost_per_1k_responses_usd: the power with which it counts in the score, the
    product of all; left out = the least cost per 1,000 responses, or without prices the least p95(response_time_ms)."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield weights of what is no figure."""
        weights = data.get("weights")
        for name in weights if isinstance(weights, dict) else ():
            try:
                parse_subject(str(name))
            except ValueError as error:
                yield f"weights.{name}", str(error)
