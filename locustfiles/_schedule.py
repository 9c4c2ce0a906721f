"""Which phase of which endpoint runs when, in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

WARM_UP, STEADY, DRAIN = "warm_up", "steady", "drain"


@dataclass(frozen=True, slots=True)
class Span:
    """A phase of one endpoint's load."""

    endpoint: str
    arm: str
    phase: str
    start_s: float
    end_s: float

    def to_document(self) -> dict[str, str | float]:
        """Give it as JSON values."""
        return asdict(self)


class Schedule:
    """The spans known so far. Turns start in warm-up and steady; they belong to the phase they were intended for."""

    def __init__(self) -> None:
        self._spans: dict[tuple[str, str], Span] = {}

    def put(self, spans: Iterable[Span]) -> None:
        """Add spans; a span for the same endpoint and phase replaces the earlier one."""
        self._spans.update({(span.endpoint, span.phase): span for span in spans})

    @property
    def spans(self) -> list[Span]:
        """All spans in order of time."""
        return sorted(self._spans.values(), key=lambda span: (span.start_s, span.end_s))

    def span_at(self, endpoint: str, time_s: float) -> Span | None:
        """Give the endpoint's span that holds `time_s`."""
        for phase in (STEADY, WARM_UP, DRAIN):
            span = self._spans.get((endpoint, phase))
            if span and span.start_s <= time_s < span.end_s:
                return span
        return None

    def phase_at(self, endpoint: str, time_s: float) -> str:
        """Give the phase that a turn intended for `time_s` belongs to."""
        span = self.span_at(endpoint, time_s)
        if span is not None:
            return span.phase
        first = self._spans.get((endpoint, WARM_UP))
        return WARM_UP if first is None or time_s < first.start_s else DRAIN

    def is_open(self, endpoint: str, time_s: float) -> bool:
        """Tell whether a turn may start at `time_s`."""
        steady = self._spans.get((endpoint, STEADY))
        return steady is None or time_s < steady.end_s
