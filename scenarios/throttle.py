"""What a user does when told to wait."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Strict as Exact

from scenarios.endpoint import is_loopback
from scenarios.quantities import Count, Duration, parse_duration
from scenarios.strict import Contradiction, Strict


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


def hammers(data: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield what in a scenario would hammer another machine without saying so."""
    for key, throttle in _throttles(data):
        if throttle.get("policy") == "naive" and not throttle.get("i_know_this_hammers"):
            for name in _elsewhere(data.get("endpoints")):
                remedy = "use honor, or set i_know_this_hammers: true"
                yield f"{key}.policy", f"naive would hammer {name} on another host: {remedy}"


def _throttles(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    arms = data.get("arms")
    found = {"throttle": data.get("throttle")}
    for name, arm in arms.items() if isinstance(arms, dict) else ():
        found[f"arms.{name}.throttle"] = arm.get("throttle") if isinstance(arm, dict) else None
    yield from ((key, throttle) for key, throttle in found.items() if isinstance(throttle, dict))


def _elsewhere(endpoints: object) -> Iterator[str]:
    for name, endpoint in endpoints.items() if isinstance(endpoints, dict) else ():
        url = endpoint.get("url") if isinstance(endpoint, dict) else getattr(endpoint, "url", None)
        if isinstance(url, str) and not is_loopback(url):
            yield str(name)
