"""Which phase of which endpoint runs when, in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

WARM_UP, STEADY, DRAIN = "warm_up", "steady", "drain"


@dataclass(frozen=True, slots=True)
class Span:
    """A phase of one endpoint's load, in one round of the campaign."""

    endpoint: str
    arm: str
    phase: str
    start_s: float
    end_s: float
    round: int = 1

    def to_document(self) -> dict[str, str | float]:
        """Give it as JSON values; the first round goes without saying."""
        document = asdict(self)
        if self.round == 1:
            del document["round"]
        return document


class Schedule:
    """The spans known so far. Turns start in warm-up and steady; they belong to the phase they were intended for."""

    def __init__(self) -> None:
        self._spans: dict[tuple[str, str, str, int], Span] = {}
        self._rounds: dict[tuple[str, str], int] = {}
        """The latest of each endpoint and arm."""

    def put(self, spans: Iterable[Span]) -> None:
        """Add spans; a span for the same endpoint, arm, phase and round replaces the earlier one."""
        for span in spans:
            self._spans[span.endpoint, span.arm, span.phase, span.round] = span
            pair = span.endpoint, span.arm
            self._rounds[pair] = max(self._rounds.get(pair, 1), span.round)

    @property
    def spans(self) -> list[Span]:
        """All spans in order of time."""
        return sorted(self._spans.values(), key=lambda span: (span.start_s, span.end_s))

    def cut(self, time_s: float) -> None:
        """End all spans at `time_s`, and forget those that would have begun later: the run was broken off."""
        begun = {key: span for key, span in self._spans.items() if span.start_s < time_s}
        self._spans = {key: replace(span, end_s=min(span.end_s, time_s)) for key, span in begun.items()}

    def span_at(self, time_s: float) -> Span | None:
        """Give the span that runs at `time_s`."""
        return next((span for span in self._spans.values() if span.start_s <= time_s < span.end_s), None)

    def phase_at(self, endpoint: str, arm: str, time_s: float) -> str:
        """Give the phase that a turn intended for `time_s` belongs to."""
        steady = self._steady_at(endpoint, arm, time_s)
        if steady is None or time_s < steady.start_s:
            return WARM_UP
        return STEADY if time_s < steady.end_s else DRAIN

    def is_open(self, endpoint: str, arm: str, time_s: float) -> bool:
        """Tell whether a turn may start at `time_s`."""
        steady = self._steady_at(endpoint, arm, time_s)
        return steady is None or time_s < steady.end_s

    def _steady_at(self, endpoint: str, arm: str, time_s: float) -> Span | None:
        """Give the steady span of the latest round that had begun at `time_s`."""
        number = self._rounds.get((endpoint, arm), 1)
        while number > 1 and time_s < self._spans[endpoint, arm, WARM_UP, number].start_s:
            number -= 1
        return self._spans.get((endpoint, arm, STEADY, number))

    def arm_at(self, endpoint: str, time_s: float) -> str:
        """Give the arm that the endpoint is loaded with, "" when none is known."""
        begun = [span for span in self._spans.values() if span.endpoint == endpoint and span.start_s <= time_s]
        return max(begun, key=lambda span: span.start_s).arm if begun else ""
