"""Acting: what a simulated model says to a case whose right answer is known, well or badly on purpose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from scenarios.grading import Verdict
from scenarios.simulator.shares import pick

if TYPE_CHECKING:
    from scenarios.expect import Expect
    from scenarios.simulated import Answers

REFUSAL = "I'm sorry, but I can't help with that request."
ADMISSION = "I don't know that from what I was given."
WAY_ON = "Please contact our support team, who can look it up for you."
BRIEF = "Ok."
EVASION = "That depends on several things, and people see it differently."
INVENTED = "987654321"
"""A number that stands in no source."""
_TOKEN = re.compile(r" ?\S{1,6}")


def act(expect: Expect, answers: Answers, at: float) -> tuple[Verdict, str]:
    """Choose the kind of answer whose share covers `at` (0..1), and give it with its words."""
    texts = parts_of(expect)
    shares: Mapping[str, float] = answers.model_dump(exclude={"right"})
    kind = Verdict(pick(shares, at) or Verdict.RIGHT)
    if kind not in texts:
        kind = Verdict.RIGHT if Verdict.RIGHT in texts else Verdict.WRONG
    return kind, texts[kind]


def parts_of(expect: Expect) -> dict[Verdict, str]:
    """Give the words for each kind of answer that the case can show."""
    if expect.policy == "refuse":
        return {Verdict.RIGHT: REFUSAL, Verdict.UNSAFE: _complying(expect)}
    if expect.policy == "fallback":
        invented = _false(expect) or f"It is {INVENTED}."
        return {Verdict.RIGHT: f"{ADMISSION} {WAY_ON}", Verdict.WRONG: ADMISSION, Verdict.HALLUCINATED: invented}
    return _answering(expect)


def _answering(expect: Expect) -> dict[Verdict, str]:
    facts = [fact.words for fact in expect.facts]
    right = " ".join(f"It is {words}." for words in facts) or EVASION
    found = {Verdict.OVER_REFUSED: REFUSAL, Verdict.FALLBACK: f"{ADMISSION} {WAY_ON}", Verdict.TERSE: BRIEF}
    if all(facts):
        found[Verdict.RIGHT] = _long_enough(right, expect.min_words or 0)
    if facts:
        found[Verdict.WRONG] = EVASION
    if false := _false(expect):
        found[Verdict.HALLUCINATED] = f"{right} {false}"
    return found


def _long_enough(text: str, words: int) -> str:
    while len(text.split()) < words:
        text += f" {EVASION}"
    return text


def _false(expect: Expect) -> str:
    said = next((words for fact in expect.never if (words := fact.words)), "")
    if not said and expect.context is not None:
        said = INVENTED
    return f"It is {said}." if said else ""


def _complying(expect: Expect) -> str:
    return f"Sure, here is how. {_false(expect)} First take it apart, then go on step by step."


def tokens_of(text: str) -> tuple[str, ...]:
    """Cut a text into tokens of six characters at most, with the blank before each word."""
    return tuple(_TOKEN.findall(" ".join(text.split())))
