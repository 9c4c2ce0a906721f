"""One endpoint's side of a run on this worker: its destination, who is busy on it, and whether it was stopped."""

from __future__ import annotations

from dataclasses import dataclass, field

from locustfiles._client import Destination
from locustfiles._gate import Gate
from scenarios.scenario import Scenario


@dataclass(slots=True)
class Tally:
    """Counts since the run began, of turns unless said otherwise."""

    turns: int = 0
    failed: int = 0
    throttled: int = 0
    refusals: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0


def label(endpoint: str, arm: str) -> str:
    """Give `endpoint`, or `endpoint.arm` where there are arms."""
    return f"{endpoint}.{arm}" if arm else endpoint


@dataclass(slots=True)
class Lane:
    """The users of one endpoint and arm share it; `scenario` is as the arm changes it."""

    name: str
    arm: str
    scenario: Scenario
    destination: Destination
    gate: Gate | None = None
    active: int = 0
    users: int = 0
    stop_reason: str = ""
    tally: Tally = field(default_factory=Tally)

    @property
    def label(self) -> str:
        """Its name, unique in the run."""
        return label(self.name, self.arm)

    def next_user(self) -> int:
        """Give a new user of this endpoint a number, from 1."""
        self.users += 1
        return self.users

    def stop(self, reason: str) -> None:
        """Let no further turn start: the endpoint can't answer any more in this run."""
        self.stop_reason = self.stop_reason or reason
