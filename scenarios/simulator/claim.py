"""Claims: what a simulated endpoint says of its own time, in the one form that the scenario asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from scenarios.simulated import TimingsForm
    from scenarios.simulator.truth import Truth


class Course(NamedTuple):
    """When one answer is served: the start of service, its first token, its end. CLOCK_MONOTONIC seconds."""

    start_s: float
    first_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Claim:
    """What is said of one request, by `form`; the truth log gets the whole of it. None: nothing is said."""

    form: TimingsForm | None
    truth: Truth

    def headers(self, start_s: float, leave_s: float) -> dict[str, str]:
        """Give what headers say that leave then: they cannot know what comes after them."""
        whole_s = leave_s - self.truth.arrived_s
        if self.form == "openai_processing_ms":
            whole_ms = round(whole_s * 1000)
            self.truth.told_s = whole_ms / 1000
            return {"openai-processing-ms": str(whole_ms)}
        if self.form == "server_timing":
            self.truth.told_s = whole_s
            queued_s = start_s - self.truth.arrived_s
            return {"server-timing": f"queue;dur={queued_s * 1000:.3f}, total;dur={whole_s * 1000:.3f}"}
        return {}

    def added(self, body: dict[str, Any], course: Course) -> dict[str, Any]:
        """Give an answer, or a stream's last event, with what it says."""
        prefill_s, decode_s = course.first_s - course.start_s, course.end_s - course.first_s
        if self.form == "llama_cpp":
            self.truth.told_s = prefill_s + decode_s
            return {**body, "timings": {"prompt_ms": prefill_s * 1000, "predicted_ms": decode_s * 1000}}
        if self.form == "groq":
            queued_s = course.start_s - self.truth.arrived_s
            self.truth.told_s = queued_s + prefill_s + decode_s
            times = {"queue_time": queued_s, "prompt_time": prefill_s, "completion_time": decode_s}
            times["total_time"] = prefill_s + decode_s
            if "usage" in body:
                return {**body, "usage": {**body["usage"], **times}}
            return {**body, "x_groq": {"usage": times}}
        return body
