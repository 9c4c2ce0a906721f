"""What a case asks of a reader: how many streams, how fast, for how long."""

from __future__ import annotations

from dataclasses import dataclass

from scenarios.scenario import Scenario

ENDPOINT = "large"
TTFT = {"median": "80ms", "p99": "300ms"}
OUTPUT_TOKENS = {"median": 150, "p99": 250}
MAX_OUTPUT_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Load:
    """`users` take turns without a pause. Times in seconds; the window is what is measured."""

    users: int = 500
    tokens_per_second: float = 50
    ramp_s: float = 5
    settle_s: float = 3
    window_s: float = 10
    stream: bool = True
    think_s: float = 0

    @classmethod
    def idle(cls, users: int) -> Load:
        """Give a load of users who take one turn and then think for an hour."""
        return cls(users=users, ramp_s=4, settle_s=6, window_s=2, think_s=3600)

    @property
    def run_s(self) -> float:
        """From the first user to the last start of a request."""
        return self.ramp_s + self.settle_s + self.window_s

    def provider(self) -> Scenario:
        """Give the scenario that the simulated provider serves."""
        simulated: dict[str, object] = {
            "ttft": TTFT,
            "tokens_per_second": self.tokens_per_second,
            "output_tokens": OUTPUT_TOKENS,
        }
        return Scenario.from_document({"name": "bench", "seed": 1, "endpoints": {ENDPOINT: {"simulated": simulated}}})

    def campaign(self, url: str, ca_file: str | None = None) -> dict[str, object]:
        """Give the scenario file that Tailgate runs."""
        endpoint = {"url": url, **({"ca_file": ca_file} if ca_file else {})}
        traffic = {
            "users": self.users,
            "ramp": f"{self.ramp_s:g}s",
            "warm_up": f"{self.settle_s:g}s",
            "steady": f"{self.window_s + 2 * MARGIN_S:g}s",
            "drain": "20s",
            "think_time": f"{self.think_s:g}s",
        }
        conversation = {"max_output_tokens": MAX_OUTPUT_TOKENS, "stream": self.stream}
        return {"name": "bench", "endpoints": {ENDPOINT: endpoint}, "traffic": traffic, "conversation": conversation}


MARGIN_S = 1.5
"""A run begins up to a second late, with Locust's next tick: the window lies this far inside the steady phase."""
