"""What a master tells its workers of a run: everything but the keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scenarios.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Order:
    """One run: its scenario, id, epoch, and the URL of each endpoint (those of simulated ones are known only now).

    `folder` is the name of the run folder on the master; `epoch_monotonic_s` is the epoch by the monotonic clock of the
    process that reads it.
    """

    scenario: Scenario
    run_id: str
    folder: str
    epoch_unix_s: float
    epoch_monotonic_s: float
    urls: dict[str, str]

    def to_document(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "scenario": self.scenario.to_document(),
            "run_id": self.run_id,
            "folder": self.folder,
            "epoch_unix_s": self.epoch_unix_s,
            "epoch_monotonic_s": self.epoch_monotonic_s,
            "urls": self.urls,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any], clock_offset_s: float = 0.0) -> Order:
        """Read it back; `clock_offset_s` is the sender's monotonic clock minus ours."""
        return cls(
            Scenario.from_document(document["scenario"]),
            document["run_id"],
            document["folder"],
            document["epoch_unix_s"],
            document["epoch_monotonic_s"] - clock_offset_s,
            document["urls"],
        )
