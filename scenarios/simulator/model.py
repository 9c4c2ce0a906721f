"""The simulated model: what each request draws, from the seed, the endpoint's name and the request's number alone."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from scenarios.simulated import Simulated

SLOW_FIRST_BYTE = 10
"""How many times longer the first token takes under the fault `slow_first_byte`."""

BROKEN = frozenset({"stream_error", "cut", "stall"})
"""Faults that end an answer before its time."""

TEXT = (
    "the answer depends on how you ask and what your data says so let us take it one step at a time first check that"
    " every input stands where it should then compare both results with care after that write down each change because"
    " small changes add up over many users if something looks wrong go back to where it was right"
)
WORDS = tuple(TEXT.encode().split())
"""Tokens, each without its leading space."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What one request gets: seconds to the first token and per token, token counts, fault and where it strikes.

    `output_tokens` includes `reasoning_tokens`. `cut_after` is how many content chunks go out before a fault that
    strikes in mid-stream: at least one, and fewer than all when there are two or more.
    """

    ttft_s: float
    token_s: float
    output_tokens: int
    reasoning_tokens: int
    finish_reason: str
    fault: str
    cut_after: int
    first_word: int

    @property
    def whole_s(self) -> float:
        """Seconds from the start of service to the end of the answer."""
        return self.ttft_s + self.output_tokens * self.token_s

    def text(self, first: int = 0, end: int | None = None) -> str:
        """Give tokens `first` to `end` (all) of reasoning and answer, as one text."""
        span = range(first, self.output_tokens if end is None else end)
        return b"".join(b" " + WORDS[(self.first_word + index) % len(WORDS)] for index in span).decode()


class Model:
    """Draws for one endpoint."""

    def __init__(self, seed: int, endpoint: str, simulated: Simulated) -> None:
        self._source = f"{seed}/{endpoint}"
        self._simulated = simulated
        self._faults = {name: share for name, share in simulated.faults.model_dump().items() if share > 0}

    def draw(self, number: int, max_tokens: int | None = None) -> Draw:
        """Draw for request `number`: the same number always draws the same values, in a fixed order."""
        rng = random.Random(f"{self._source}/{number}")
        ttft_s = self._simulated.ttft.sample(rng)
        visible = max(1, round(self._simulated.output_tokens.sample(rng)))
        reasoning = round(self._simulated.reasoning_tokens.sample(rng)) if self._simulated.reasoning_tokens else 0
        fault = pick(self._faults, rng.random())
        strike, first_word = rng.random(), rng.randrange(len(WORDS))
        total = visible + reasoning
        finish_reason = "stop"
        if max_tokens is not None and total >= max_tokens:
            total, finish_reason = max_tokens, "length"
        return Draw(
            ttft_s=ttft_s * SLOW_FIRST_BYTE if fault == "slow_first_byte" else ttft_s,
            token_s=1 / self._simulated.tokens_per_second,
            output_tokens=total,
            reasoning_tokens=min(reasoning, total),
            finish_reason=finish_reason,
            fault=fault,
            cut_after=1 + int(strike * (total - 1)),
            first_word=first_word,
        )


def pick(shares: Mapping[str, float], at: float) -> str:
    """Give the name whose share of 0..1 covers `at`, laid end to end in order; "" beyond their sum."""
    for name, share in shares.items():
        if at < share:
            return name
        at -= share
    return ""
