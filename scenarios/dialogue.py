"""What one user says in one conversation: drawn from the prompts, by the seed alone."""

import hashlib
import random
import struct
from typing import NamedTuple

from scenarios.scenario import Scenario

FOLLOW_UPS = (
    "Thank you. Could you explain that in a little more detail?",
    "What would you do differently if time were short?",
    "Please give me one concrete example.",
    "Can you sum that up in two sentences?",
    "What is the most common mistake here?",
    "Is there anything else I should know before I go on?",
)
"""What is said when a conversation is longer than its prompt."""

_DRAWS = struct.Struct(">QQQ")
"""Three draws of 64 bits out of a digest: cheaper than a generator of their own for each conversation."""


class PlannedConversation(NamedTuple):
    """What one user says in one conversation; `graded` are the turns, from 0, whose answers are graded."""

    case_id: str
    kind: str
    user_turns: tuple[str, ...]
    expected_output_tokens: int | None = None
    graded: frozenset[int] = frozenset()


def conversation_for(scenario: Scenario, user: int | str, number: int, endpoint: str = "") -> PlannedConversation:
    """Plan the `number`-th conversation of `user`; the same arguments give the same plan on every machine."""
    key = f"{scenario.seed}|{endpoint}|{user}|{number}"
    which, length, more = _DRAWS.unpack_from(hashlib.sha256(key.encode()).digest())
    prompts, turns = scenario.conversation.prompts, scenario.conversation.turns
    prompt = prompts[which % len(prompts)]
    wanted = turns.min + length % (turns.max - turns.min + 1)
    said = prompt.turns[:wanted]
    if len(said) < wanted:
        said += tuple(random.Random(more).choices(FOLLOW_UPS, k=wanted - len(said)))
    return PlannedConversation(prompt.id, prompt.kind, said, prompt.expected_output_tokens, prompt.graded)
