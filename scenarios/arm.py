"""Arms: several ways to load the same endpoints."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from scenarios.strict import Contradiction, Strict
from scenarios.throttle import Throttle
from scenarios.traffic import Traffic

Part = TypeVar("Part", Traffic, Throttle)


class Arm(Strict):
    """One way to load the endpoints: what it sets stands in for the scenario's own, key by key."""

    endpoints: tuple[str, ...] = ()
    """Endpoints that get this arm; left out = all."""
    traffic: Traffic | None = None
    """Keys of traffic that differ in this arm."""
    throttle: Throttle | None = None
    """Keys of throttle that differ in this arm."""


def over(base: Part, changes: Part | None) -> Part:
    """Give `base` with the keys that `changes` sets."""
    if changes is None:
        return base
    return base.model_copy(update={name: getattr(changes, name) for name in changes.model_fields_set})


def strangers(data: Mapping[str, Any]) -> Iterator[Contradiction]:
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
