"""What a load costs the workers that make it, in cores: known beforehand from what `make bench` measured."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from scenarios.expectation import ASSUMED_TOKENS_PER_SECOND, turn_size, turns_per_second
from scenarios.scenario import Scenario

CHUNK_CPU_S = 18e-6
"""CPU of a worker for each streamed chunk, rows and statistics included: the larger figure in the README's table."""

TURN_CPU_S = 0.5e-3
"""CPU of a worker for each turn besides its chunks: 84 turns/s in the founding experiment, about."""

WORKER_CORES = 0.9
"""A worker is one thread, and a run whose worker used 95 % of a core is invalid."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one endpoint and arm cost at most: all `streams` at once, one chunk per token."""

    endpoint: str
    arm: str
    streams: int
    tokens_per_second: float
    turns_per_s: float

    @property
    def chunks_per_s(self) -> float:
        """Streams times speed."""
        return self.streams * self.tokens_per_second

    @property
    def cores(self) -> float:
        """CPU of all workers together."""
        return self.chunks_per_s * CHUNK_CPU_S + self.turns_per_s * TURN_CPU_S

    @property
    def workers(self) -> int:
        """How many workers carry it."""
        return max(math.ceil(self.cores / WORKER_CORES), 1)


def demands(scenario: Scenario) -> Iterator[Demand]:
    """Give what each endpoint and arm demands; they are loaded one after the other."""
    for name, arm in scenario.pairs:
        own, endpoint = scenario.for_arm(arm), scenario.endpoints[name]
        streams, speed = own.traffic.users, float(ASSUMED_TOKENS_PER_SECOND)
        if endpoint.simulated:
            speed = endpoint.simulated.tokens_per_second
            streams = min(streams, endpoint.simulated.concurrency or streams)
        per_second, _ = turns_per_second(own, endpoint, turn_size(own, endpoint))
        yield Demand(name, arm, streams, speed if own.conversation.stream else 0.0, per_second)


def too_few(scenario: Scenario, workers: int) -> Demand | None:
    """Give the largest demand that `workers` do not carry, or None."""
    return max(
        (each for each in demands(scenario) if each.workers > workers), key=lambda each: each.cores, default=None
    )
