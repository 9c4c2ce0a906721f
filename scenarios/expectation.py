"""What a scenario will make happen: turns, requests, tokens, dollars, time, and whether its SLOs can be judged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from scenarios.dialogue import FOLLOW_UPS
from scenarios.endpoint import Endpoint
from scenarios.pricing import cost_usd, price, why_unpriced
from scenarios.prompts import Prompt
from scenarios.scenario import Scenario
from scenarios.simulated import Simulated
from scenarios.slo import METRICS, Slo
from scenarios.stages import Lengths, lengths_of, samples_needed

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English text."""
ASSUMED_TTFT_S = 0.5
ASSUMED_TOKENS_PER_SECOND = 50
ASSUMED_OUTPUT_TOKENS = 150
ANSWERS_PER_CASE = 10
"""What a case counts for, however often it is answered: the grading assumes answers to it to correlate by 0.1."""
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class TurnSize:
    """One turn on average."""

    input_tokens: float
    output_tokens: float
    response_s: float


@dataclass(frozen=True, slots=True)
class EndpointExpectation:
    """What one endpoint will see.

    `turns` are those of the steady phase, the only ones that count; `requests`, tokens and `cost_usd` are the whole
    run's, refused requests apart. `assumed` names what a guess stands for. `cost_usd` None: see `cost_note`.
    """

    endpoint: str
    users: int
    duration_s: float
    turns: int
    requests: int
    response_s: float
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    cost_note: str
    limited_by: str
    assumed: str


@dataclass(frozen=True, slots=True)
class SloNeed:
    """What one SLO line needs on one endpoint; `needed_turns` None: no fixed number (it depends on the spread).

    `expected_turns` are the graded ones where the line is about quality; `lacks` is what no number of turns makes up.
    """

    line: str
    endpoint: str
    needed_turns: int | None
    expected_turns: int
    lacks: str = ""

    @property
    def enough(self) -> bool:
        """Whether the line can come out other than inconclusive."""
        return not self.lacks and (self.needed_turns is None or self.expected_turns >= self.needed_turns)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the whole run will be; `cost_usd` None when any endpoint's is."""

    endpoints: tuple[EndpointExpectation, ...]
    slo: tuple[SloNeed, ...]

    @property
    def duration_s(self) -> float:
        """Endpoints are loaded one after the other."""
        return sum(each.duration_s for each in self.endpoints)

    @property
    def cost_usd(self) -> Decimal | None:
        """All endpoints together."""
        costs = [each.cost_usd for each in self.endpoints if each.cost_usd is not None]
        return sum(costs, Decimal(0)) if len(costs) == len(self.endpoints) else None


def expectation(scenario: Scenario) -> Expectation:
    """Estimate a closed loop: each user makes one turn every think time + response time, unless a limit is lower."""
    endpoints = tuple(_endpoint(scenario, name, endpoint) for name, endpoint in scenario.endpoints.items())
    slo = tuple(
        _need(scenario, line, each)
        for line in scenario.slo
        for each in endpoints
        if line.endpoint in ("", each.endpoint)
    )
    return Expectation(endpoints, slo)


def _need(scenario: Scenario, line: Slo, each: EndpointExpectation) -> SloNeed:
    metric, turns, lacks = METRICS[line.metric], round(each.turns * _share_of_kind(scenario, line.kind)), ""
    needed = needed_turns(line)
    if line.kind and not turns:
        lacks = f"no prompt is of kind {line.kind}"
    elif metric.kind == "quality":
        turns = graded_answers(scenario, turns)
        lacks = _lacking_cases(scenario, needed or 0)
    elif metric.unit == "usd" and each.cost_note:
        lacks = "no price is known"
    return SloNeed(line.text, each.endpoint, needed, turns, lacks)


def _share_of_kind(scenario: Scenario, kind: str) -> float:
    """Give the share of turns of one kind of conversation: each prompt comes as often as any other."""
    prompts = scenario.conversation.prompts
    return sum(kind in ("", prompt.kind) for prompt in prompts) / len(prompts)


def _lacking_cases(scenario: Scenario, needed: int) -> str:
    """Say so where there are too few cases for so many answers, however long the run."""
    cases = _cases(scenario)
    if not cases:
        return "no prompt says what a right answer is"
    if needed <= ANSWERS_PER_CASE * cases:
        return ""
    return (
        f"only {cases:,} prompt{'s say' if cases > 1 else ' says'} what a right answer is, each good for "
        f"{ANSWERS_PER_CASE} answers: write `expect` in {math.ceil(needed / ANSWERS_PER_CASE):,}"
    )


def _cases(scenario: Scenario) -> int:
    return sum(any(prompt.expect) for prompt in scenario.conversation.prompts)


def graded_answers(scenario: Scenario, turns: int) -> int:
    """Give how many of so many turns are graded; those of one case are alike, and count as ten at the most."""
    prompts, lengths = scenario.conversation.prompts, scenario.conversation.turns
    counts = range(lengths.min, lengths.max + 1)
    graded = sum(expect is not None for prompt in prompts for count in counts for expect in prompt.expect[:count])
    return min(round(turns * graded / (len(prompts) * sum(counts))), ANSWERS_PER_CASE * _cases(scenario))


def needed_turns(line: Slo) -> int | None:
    """Give the fewest turns that can decide a line.

    A quantile: `samples_needed`. A share against limit s: n with Wilson's bound of 0 of n at s, z^2 (1 - s) / s, where
    a lower limit counts from the other end. A mean or a ratio: None.
    """
    if line.quantile is not None:
        return samples_needed(line.quantile)
    if METRICS[line.metric].kind not in ("share", "quality") or line.form != "limit":
        return None
    share = line.limit if line.comparator.startswith("<") else 1 - line.limit
    return math.floor(_Z95**2 * (1 - share) / share) + 1 if share > 0 else None


def _endpoint(scenario: Scenario, name: str, endpoint: Endpoint) -> EndpointExpectation:
    size = turn_size(scenario, endpoint)
    lengths, rounds = lengths_of(scenario, scenario.traffic.users), scenario.campaign.rounds
    per_second, limited_by = turns_per_second(scenario, endpoint, size)
    requests = round(per_second * _full_load_s(lengths) * rounds)
    tokens = round(requests * size.input_tokens), round(requests * size.output_tokens)
    return EndpointExpectation(
        endpoint=name,
        users=scenario.traffic.users,
        duration_s=lengths.total_s * rounds,
        turns=round(per_second * scenario.traffic.steady),
        requests=requests,
        response_s=size.response_s,
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cost_usd=_cost_usd(endpoint, requests, size),
        cost_note=why_unpriced(endpoint),
        limited_by=limited_by,
        assumed=""
        if endpoint.simulated
        else f"{ASSUMED_TTFT_S} s to the first token, {ASSUMED_TOKENS_PER_SECOND} tokens/s",
    )


def _cost_usd(endpoint: Endpoint, requests: int, size: TurnSize) -> Decimal | None:
    # Priced by the single request, for the tiers are by request.
    each = cost_usd(price(endpoint), round(size.input_tokens), round(size.output_tokens))
    return None if each is None else each * requests


def _full_load_s(lengths: Lengths) -> float:
    return lengths.ramp_s / 2 + lengths.warm_up_s + lengths.steady_s


def turns_per_second(scenario: Scenario, endpoint: Endpoint, size: TurnSize) -> tuple[float, str]:
    """Give turns per second under full load, and what bounds them: `users`, `concurrency` or `limit`."""
    users = scenario.traffic.users
    wanted = users / max(scenario.traffic.think_time.mean + size.response_s, 1e-3)
    bounds: list[tuple[float, str]] = [
        (wanted, "users"),
        *(_server_bounds(endpoint.simulated, size, scenario) if endpoint.simulated else ()),
    ]
    return min(bounds)


def _server_bounds(simulated: Simulated, size: TurnSize, scenario: Scenario) -> list[tuple[float, str]]:
    bounds = []
    if simulated.concurrency:
        bounds.append((simulated.concurrency / max(size.response_s, 1e-3), "concurrency"))
    if limit := simulated.limit:
        bounds.append((limit.requests / limit.per, "limit"))
        if limit.tokens is not None:
            asked = size.input_tokens + scenario.conversation.max_output_tokens
            bounds.append((limit.tokens / limit.per / asked, "limit"))
    return bounds


def turn_size(scenario: Scenario, endpoint: Endpoint) -> TurnSize:
    """Give the mean turn: history grows by question and answer, answers end at `max_output_tokens`."""
    output_tokens = _output_tokens(scenario, endpoint)
    ttft_s, tokens_per_second = ASSUMED_TTFT_S, float(ASSUMED_TOKENS_PER_SECOND)
    if endpoint.simulated:
        ttft_s, tokens_per_second = endpoint.simulated.ttft.mean, endpoint.simulated.tokens_per_second
    input_tokens = _input_tokens(scenario, output_tokens)
    return TurnSize(input_tokens, output_tokens, ttft_s + output_tokens / tokens_per_second)


def _output_tokens(scenario: Scenario, endpoint: Endpoint) -> float:
    longest = scenario.conversation.max_output_tokens
    if endpoint.simulated:
        return endpoint.simulated.output_tokens.mean_below(longest)
    return _mean(
        [min(p.expected_output_tokens or ASSUMED_OUTPUT_TOKENS, longest) for p in scenario.conversation.prompts]
    )


def _input_tokens(scenario: Scenario, output_tokens: float) -> float:
    turns = scenario.conversation.turns
    counts = range(turns.min, turns.max + 1)
    prompts = scenario.conversation.prompts
    # Mean over turns, so that long conversations weigh by their length.
    total = sum(_conversation_tokens(prompt, count, output_tokens) for prompt in prompts for count in counts)
    return total / (len(prompts) * sum(counts))


def _conversation_tokens(prompt: Prompt, turns: int, output_tokens: float) -> float:
    follow_up = _mean([len(text) for text in FOLLOW_UPS])
    said = [len(text) for text in prompt.turns[:turns]] + [follow_up] * (turns - len(prompt.turns))
    sent = sum(length * (turns - number) for number, length in enumerate(said))
    return sent / CHARACTERS_PER_TOKEN + output_tokens * turns * (turns - 1) / 2


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
