"""The simulated model: what each request draws, from the seed, the endpoint's name and the request's number alone."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scenarios.grading import Verdict
from scenarios.simulator.acting import act, tokens_of
from scenarios.simulator.shares import pick

if TYPE_CHECKING:
    from scenarios.expect import Expect
    from scenarios.simulated import Simulated

SLOW_FIRST_BYTE = 10
"""How many times longer the first token takes under the fault `slow_first_byte`."""

BROKEN = frozenset({"stream_error", "cut", "stall"})
"""Faults that end an answer before its time."""

TEXT = (
    "the answer depends on how you see it and what your data says so let us take it one step at a time first make sure"
    " that every input stands where it should then compare both results with care after that write down each change"
    " because small changes add up over many users if something looks wrong go back to where it was right"
)
WORDS = tuple(b" " + word for word in TEXT.encode().split())
"""Tokens, as they stand in JSON."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What one request gets: seconds to the first token and per token, token counts, fault and where it strikes.

    `output_tokens` includes `reasoning_tokens`. `cut_after` is how many content chunks go out before a fault that
    strikes in mid-stream: at least one, and fewer than all when there are two or more. `spoken` are the visible tokens
    where the case says what a right answer is, and `quality` how good they are.
    """

    ttft_s: float
    token_s: float
    output_tokens: int
    reasoning_tokens: int
    finish_reason: str
    fault: str
    cut_after: int
    first_word: int
    spoken: tuple[bytes, ...] = ()
    quality: str = ""

    @property
    def whole_s(self) -> float:
        """Seconds from the start of service to the end of the answer."""
        return self.ttft_s + self.output_tokens * self.token_s

    def text(self, first: int = 0, end: int | None = None) -> str:
        """Give tokens `first` to `end` (all) of reasoning and answer, as one text."""
        span = range(first, self.output_tokens if end is None else end)
        text = b"".join(self.token(index) for index in span)
        return str(json.loads(b'"%b"' % text))

    def token(self, index: int) -> bytes:
        """Give a token of reasoning or answer, as it stands in JSON."""
        words, at = self.words(visible=index >= self.reasoning_tokens)
        return words[(at + index) % len(words)]

    def words(self, *, visible: bool) -> tuple[tuple[bytes, ...], int]:
        """Give tokens to go round in, and how far from the first one the answer's token 0 is."""
        return (self.spoken, -self.reasoning_tokens) if visible and self.spoken else (WORDS, self.first_word)

    def speaking(self, text: str, quality: str, max_tokens: int | None) -> Draw:
        """Give the same draw with a text of its own, filled up to the length drawn unless it is to be short."""
        said = tuple(json.dumps(token, ensure_ascii=False)[1:-1].encode() for token in tokens_of(text))
        drawn = self.output_tokens - self.reasoning_tokens
        room = len(said) if max_tokens is None else max(max_tokens - self.reasoning_tokens, 0)
        wanted = min(room, len(said) if quality == Verdict.TERSE else max(drawn, len(said)))
        filler = (WORDS[(self.first_word + index) % len(WORDS)] for index in range(wanted - len(said)))
        total = self.reasoning_tokens + wanted
        return replace(
            self,
            output_tokens=total,
            finish_reason="length" if total == max_tokens else "stop",
            cut_after=min(self.cut_after, max(total - 1, 1)),
            spoken=(*said[:wanted], *filler),
            quality=Verdict.TERSE if wanted < len(said) else quality,
        )


class Model:
    """Draws for one endpoint."""

    def __init__(self, seed: int, endpoint: str, simulated: Simulated) -> None:
        self._source = f"{seed}/{endpoint}"
        self._simulated = simulated
        self._faults = {name: share for name, share in simulated.faults.model_dump().items() if share > 0}

    def draw(self, number: int, max_tokens: int | None = None, expect: Expect | None = None) -> Draw:
        """Draw for request `number`: the same number always draws the same values, in a fixed order.

        Where something is expected of the answer, its words are good or bad by the endpoint's `quality`.
        """
        draw = self._draw(number, max_tokens)
        if expect is None:
            return draw
        kind, text = act(expect, self._simulated.quality, random.Random(f"{self._source}/{number}/quality").random())
        return draw.speaking(text, kind, max_tokens)

    def _draw(self, number: int, max_tokens: int | None) -> Draw:
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
