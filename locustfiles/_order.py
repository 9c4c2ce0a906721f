"""What a master tells its workers of a run: everything but the keys."""

from __future__ import annotations

import json
from dataclasses import dataclass

from scenarios.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Order:
    """One run: its scenario, name, epoch, and the URL of each endpoint (those of simulated ones are known only now)."""

    scenario: Scenario
    run_id: str
    epoch_unix_s: float
    urls: dict[str, str]

    def dumps(self) -> str:
        """Give it as JSON text."""
        return json.dumps(
            {
                "scenario": self.scenario.to_document(),
                "run_id": self.run_id,
                "epoch_unix_s": self.epoch_unix_s,
                "urls": self.urls,
            }
        )

    @classmethod
    def loads(cls, text: str) -> Order:
        """Read it back."""
        document = json.loads(text)
        return cls(
            Scenario.from_document(document["scenario"]),
            document["run_id"],
            document["epoch_unix_s"],
            document["urls"],
        )
