"""The machine's report: the shape of `report.json`, and what every renderer reads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from analysis.figure import Estimate, Figure, Frozen, NotEstimable
from analysis.selecting.selection import Matrix

__all__ = ["Estimate", "Figure", "Frozen", "NotEstimable"]  # what every reader of a report needs besides

REPORT_SCHEMA_VERSION = 1

Verdict = Literal["pass", "fail", "inconclusive", "invalid"]


class Group(Frozen):
    """All turns of one endpoint, arm and phase.

    `metrics` maps e.g. `ttft_ms` to `{"p50": Figure, "p90", "p95", "p99", "p99_9", "mean"}`.
    `shares` maps each outcome of turns, and `throttled` (turns with at least one 429), to its share of all intended
    turns. The outcomes add up to 1; `waiting_at_end` is a last outcome `throttled`; `failed` is 1 - successful.
    `cut_s` and `cut_turns` are what was left out at the start of a steady phase, as warm-up that went on; `left_out_s`
    and `left_out_turns` what the loss of a worker disturbed; `paused_s` lay between the rounds of a phase that came in
    several.
    `users` is None where a foreign file does not tell.
    `attainment` is the share of all intended turns that met every per-turn latency limit of the SLO lines.
    """

    endpoint: str
    arm: str
    phase: str
    start_s: float
    end_s: float
    cut_s: float = 0.0
    cut_turns: int = 0
    left_out_s: float = 0.0
    left_out_turns: int = 0
    paused_s: float = 0.0
    turns: int
    attempts: int
    users: int | None
    shares: dict[str, Figure]
    metrics: dict[str, dict[str, Figure]]
    cost: dict[str, Figure]
    rates: dict[str, float]
    attainment: Figure | None = None
    variance: dict[str, Figure] = Field(default_factory=dict)
    tries: dict[str, Figure] = Field(default_factory=dict)


class ArmRow(Frozen):
    """One endpoint as one arm loads it; `policy` is what its users do when told to wait."""

    endpoint: str
    arm: str
    policy: str
    figures: dict[str, Figure]


class Contrast(Frozen):
    """Two of them held against each other: ratios are candidate / base."""

    base: str
    candidate: str
    figures: dict[str, Figure]
    sentence: str


class Experiment(Frozen):
    """What a run's arms show."""

    arms: list[ArmRow]
    contrasts: list[Contrast]


class Slice(Frozen):
    """The steady turns of one endpoint and arm with one label.

    By `kind` of conversation, class of `output_tokens`, or `tries`: answered at the first one, or after a refusal.
    """

    endpoint: str
    arm: str
    by: str
    label: str
    turns: int
    metrics: dict[str, dict[str, Figure]]


class ServerTime(Frozen):
    """What one source told of a server's own time in one phase, beside what was seen of the same turns.

    `told` of the `turns` with success have it. `server` are the server's figures: `total_ms` of the whole answer,
    `headers_ms` until the headers left and `ttft_ms` until the first token, and parts of these: `queue_ms`, `load_ms`,
    `prefill_ms`, `decode_ms`. `seen` is what was seen here of the first three, `beyond` is seen - server, turn by turn.
    In `claims_more` turns the server tells of more than was seen.
    """

    endpoint: str
    arm: str
    phase: str
    source: str
    turns: int
    told: int
    claims_more: int
    server: dict[str, dict[str, Figure]]
    seen: dict[str, dict[str, Figure]]
    beyond: dict[str, dict[str, Figure]]
    sentence: str


class SloLine(Frozen):
    """One SLO line held against one endpoint (and arm, where the run has arms)."""

    line: str
    endpoint: str
    arm: str = ""
    verdict: Literal["pass", "fail", "inconclusive"]
    figure: Figure
    limit: float
    comparator: str
    unit: str
    sentence: str
    needed_turns: int | None = None


class Standing(Frozen):
    """Where one endpoint (and arm) stands, and the sentence that says so with its figures."""

    endpoint: str
    arm: str = ""
    verdict: Literal["pass", "fail", "inconclusive"]
    sentence: str


class Validity(Frozen):
    """Whether the instrument, not the target, was the bottleneck."""

    verdict: Literal["valid", "invalid"]
    reasons: list[str] = Field(default_factory=list)


class Spectrum(Frozen):
    """Empirical quantiles for the tail plot: `values[i]` is the quantile at `p[i]`, with interval where estimable."""

    p: list[float]
    values: list[float | None]
    low: list[float | None]
    high: list[float | None]


class Distribution(Frozen):
    """How often a value came: `shares[i]` of the `n` values lie between `edges[i]` and `edges[i + 1]`.

    Edges are those of one logarithmic grid. What lies beyond the first or the last one counts as next to it.
    """

    edges: list[float]
    shares: list[float]
    n: int


class Marks(Frozen):
    """Single turns of one fate, `throttled` or `failed`: at most 150 of the `of` that there were, evenly chosen."""

    fate: str
    of: int
    t_s: list[float]
    response_ms: list[float | None]


class Timeline(Frozen):
    """Per time bin, centred at `t_s`: counts per second of turns by fate, and latency quantiles (None = too few)."""

    t_s: list[float]
    bin_s: float
    offered: list[float]
    admitted: list[float]
    throttled: list[float]
    failed: list[float]
    ttft_p50_ms: list[float | None]
    ttft_p95_ms: list[float | None]
    response_p50_ms: list[float | None]
    response_p95_ms: list[float | None]
    marks: list[Marks] = Field(default_factory=list)


class Plots(Frozen):
    """The numbers behind the pictures: timelines per endpoint, all others per endpoint and arm.

    `spectra` by metric (`ttft_ms`, `response_time_ms`); `gaps` between chunks in ms; `costs` per response in USD.
    """

    spectra: dict[str, dict[str, Spectrum]]
    timelines: dict[str, Timeline]
    gaps: dict[str, Distribution] = Field(default_factory=dict)
    costs: dict[str, Distribution] = Field(default_factory=dict)


class PhaseSpan(Frozen):
    """When a phase ran; `pauses` are what lay between where it came several times, as arms do that take turns."""

    endpoint: str
    arm: str
    phase: str
    start_s: float
    end_s: float
    pauses: list[tuple[float, float]] = Field(default_factory=list)


class QualityRow(Frozen):
    """One endpoint and arm in its steady phase: turns whose case expects something, and what their answers were.

    `intended` >= `answered` >= `graded`: answers beyond those kept are not graded. `figures` are shares of the graded
    answers, `accuracy_of_intended` one of all intended turns.
    """

    endpoint: str
    arm: str
    cases: int
    intended: int
    answered: int
    graded: int
    verdicts: dict[str, int]
    figures: dict[str, Figure]


class GradedExample(Frozen):
    """An answer that is not right, and what decided it."""

    endpoint: str
    arm: str
    case_id: str
    verdict: str
    evidence: str
    prompt: str
    answer: str


class Quality(Frozen):
    """How good the answers were, of cases that say what they expect."""

    endpoints: list[QualityRow]
    examples: list[GradedExample]


class Report(Frozen):
    """Everything that is said about one run.

    `disturbances`: which workers were lost, when and with how many users, and what the steady figures leave out.
    `variance`: the shares of the variance of all steady turns together that lie between endpoints and arms.
    """

    schema_version: int = REPORT_SCHEMA_VERSION
    run_id: str
    name: str
    started_at: str
    load_model: str
    verdict: Verdict
    headline: str
    standings: list[Standing] = Field(default_factory=list)
    next_steps: list[str]
    validity: Validity
    disturbances: list[str] = Field(default_factory=list)
    slo: list[SloLine]
    groups: list[Group]
    slices: list[Slice] = Field(default_factory=list)
    server_times: list[ServerTime] = Field(default_factory=list)
    phases: list[PhaseSpan]
    health: list[dict[str, object]]
    cost: dict[str, object]
    variance: dict[str, Figure] = Field(default_factory=dict)
    quality: Quality | None = None
    experiment: Experiment | None = None
    selection: Matrix | None = None
    notes: list[str]
    versions: dict[str, str]
    plots: Plots
