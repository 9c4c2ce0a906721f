"""What a scenario means before anything is sent: its stages, and what they will bring."""

from scenarios.expectation import EndpointExpectation, Expectation, SloNeed, expectation, needed_turns
from scenarios.stages import Phase, Stage, phases, samples_needed

__all__ = [
    "EndpointExpectation",
    "Expectation",
    "Phase",
    "SloNeed",
    "Stage",
    "expectation",
    "needed_turns",
    "phases",
    "samples_needed",
]
