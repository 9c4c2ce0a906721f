"""How far another process's monotonic clock is from ours, by questions and answers (Cristian 1989).

We ask at a, it answers with its clock's reading m, we hear it at b: its clock was m somewhere between a and b, so
offset = m - (a + b) / 2, wrong by at most (b - a) / 2. Of a burst, the exchange with the shortest round trip is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

STEP_S = 0.050
"""A clock that moved against the master's by more than this puts rows out of order."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and its answer, in seconds: asked and heard by our clock, answered by the other's."""

    asked_s: float
    answered_s: float
    heard_s: float

    @property
    def offset_s(self) -> float:
        """The other clock's reading minus ours."""
        return self.answered_s - (self.asked_s + self.heard_s) / 2

    @property
    def error_s(self) -> float:
        """The most by which the offset can be wrong."""
        return (self.heard_s - self.asked_s) / 2


class ClockOffset:
    """Takes bursts of exchanges; the first burst's offset holds, later ones tell how far the clocks moved apart."""

    def __init__(self) -> None:
        self._burst: list[Exchange] = []
        self.bursts: list[Exchange] = []

    def add(self, exchange: Exchange) -> None:
        """Take an exchange of the current burst."""
        self._burst.append(exchange)

    def end_burst(self) -> None:
        """Keep the best exchange of the burst, if there was any."""
        if self._burst:
            self.bursts.append(min(self._burst, key=lambda exchange: exchange.error_s))
        self._burst = []

    @property
    def offset_s(self) -> float:
        """The other clock's reading minus ours, as first measured."""
        return self.bursts[0].offset_s

    @property
    def error_s(self) -> float:
        """The most by which it can be wrong."""
        return self.bursts[0].error_s

    @property
    def drift_s(self) -> float:
        """By how much the clocks moved apart, at the worst burst since; what measuring may be wrong by is left out."""
        return max((self._sure_drift(burst) for burst in self.bursts), key=abs, default=0.0)

    def _sure_drift(self, burst: Exchange) -> float:
        drift = burst.offset_s - self.offset_s
        doubt = burst.error_s + self.error_s
        return 0.0 if abs(drift) <= doubt else drift - doubt if drift > 0 else drift + doubt
