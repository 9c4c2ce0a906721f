"""Cost: what a run's prices are projected to."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from scenarios.quantities import Count
from scenarios.strict import Contradiction, Strict


def _form(value: object) -> str:
    return "mix" if isinstance(value, dict) else "all"


class Cost(Strict):
    """The traffic of a month, to which measured costs are projected."""

    monthly_turns: Annotated[
        Annotated[Count, Tag("all")] | Annotated[dict[str, Count], Tag("mix")], Discriminator(_form)
    ]
    """Turns a month: a number, that each endpoint would serve alone, or a number per endpoint, that add up."""


def strange_shares(data: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield monthly turns of endpoints that there are not."""
    cost, known = data.get("cost"), data.get("endpoints")
    turns = cost.get("monthly_turns") if isinstance(cost, dict) else None
    if not isinstance(turns, dict) or not isinstance(known, dict):
        return
    for name in turns:
        if name not in known:
            yield (
                f"cost.monthly_turns.{name}",
                f"there is no endpoint {name}: known are {', '.join(map(str, known))}",
            )
