"""What is asked for: the scenario file as frozen, validated values."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, ValidationError
from pydantic import Strict as Exact

from scenarios.arm import Arm, over, strangers
from scenarios.campaign import Campaign
from scenarios.conversation import Conversation, Timeouts, Turns
from scenarios.cost import Cost, strange_shares
from scenarios.editor_schema import for_editors
from scenarios.endpoint import Endpoint, Prices, Template
from scenarios.errors import ScenarioError
from scenarios.margin import Margin, nowhere
from scenarios.problem import explain
from scenarios.quality import Quality
from scenarios.selection import Selection
from scenarios.simulated import Faults, Limit, Simulated, WaitForm
from scenarios.slo import Slo
from scenarios.source import read
from scenarios.strict import Contradiction, Strict
from scenarios.throttle import Throttle, hammers
from scenarios.traffic import Traffic

__all__ = [
    "Arm",
    "Campaign",
    "Conversation",
    "Cost",
    "Endpoint",
    "Faults",
    "Limit",
    "Prices",
    "Quality",
    "Scenario",
    "Simulated",
    "Template",
    "Throttle",
    "Timeouts",
    "Traffic",
    "Turns",
    "WaitForm",
    "json_schema",
    "load",
]


EndpointName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64)]


class Scenario(Strict):
    """A whole campaign."""

    later: ClassVar[frozenset[str]] = frozenset({"budget", "routing"})
    other_names: ClassVar[Mapping[str, str]] = {
        "models": "endpoints",
        "targets": "endpoints",
        "slos": "slo",
        "load": "traffic",
        "retry": "throttle",
    }

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)] = "scenario"
    """Name of the run's folder; left out = the file's name."""
    seed: Annotated[int, Exact(), Field(ge=0)] = 1
    """Same seed, same plan."""
    endpoints: Annotated[dict[EndpointName, Endpoint], Field(min_length=1)]
    """The models under test, by name."""
    traffic: Traffic = Traffic()
    """How many users, and for how long."""
    conversation: Conversation = Conversation()
    """What users say."""
    throttle: Throttle = Throttle()
    """What users do when told to wait."""
    arms: dict[EndpointName, Arm] = Field(default_factory=dict)
    """Several ways to load each endpoint, one after the other; left out = one way."""
    campaign: Campaign = Campaign()
    """In what order."""
    slo: tuple[Slo, ...] = ()
    """Objectives, one line each."""
    cost: Cost | None = None
    """The traffic of a month, for a projection of its cost; left out = none."""
    compare: tuple[Margin, ...] = ()
    """How much worse than a baseline this may be, one line each: p95(response_time_ms) <= 1.10."""
    selection: Selection = Selection()
    """What makes one candidate better than another."""
    quality: Quality | None = None
    """How answers to cases that say what they `expect` are graded; left out = by the rubric that ships."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield hammering without saying so, and what is said of endpoints and arms that there are not."""
        yield from hammers(data)
        yield from strangers(data)
        yield from strange_shares(data)
        yield from nowhere(data)

    def to_document(self) -> dict[str, Any]:
        """Give everything as JSON values, prompts included: what workers and run.json get. Holds no secrets."""
        without = {name: {"ca_file"} for name, endpoint in self.endpoints.items() if endpoint.ca_pem is not None}
        document = self.model_dump(mode="json", exclude={"endpoints": without})
        # What an arm leaves unset is the scenario's: it must not come back as the default.
        document["arms"] = {name: arm.model_dump(mode="json", exclude_unset=True) for name, arm in self.arms.items()}
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` gave. Raises ScenarioError."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            lines = [
                f"scenario: {'.'.join(map(str, found['loc']))}: {explain(found, None)}" for found in error.errors()
            ]
            raise ScenarioError(lines) from None

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Each endpoint with each of its arms, in the order in which they are loaded; "" is the only arm of none."""
        return tuple(
            (endpoint, arm)
            for endpoint in self.endpoints
            for arm in self.arms or ("",)
            if not arm or not self.arms[arm].endpoints or endpoint in self.arms[arm].endpoints
        )

    def for_arm(self, name: str) -> Self:
        """Give the scenario as an arm changes it."""
        if not name:
            return self
        arm = self.arms[name]
        return self.model_copy(
            update={"traffic": over(self.traffic, arm.traffic), "throttle": over(self.throttle, arm.throttle)}
        )

    @property
    def digest(self) -> str:
        """sha256 of the document as canonical JSON."""
        text = json.dumps(self.to_document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def load(path: str | Path, *, check_env: bool = True) -> Scenario:
    """Read a scenario file. Raises ScenarioError with every problem as `file:line:col: …`.

    With `check_env`, the variables that endpoints name must be set in the environment.
    """
    return read(str(path), Scenario, check_env=check_env)


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of a scenario file, for editors."""
    return for_editors(Scenario, "Tailgate scenario")
