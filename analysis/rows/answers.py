"""Answers: what was said to users, from answers.jsonl, whatever state it was left in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.rows.fields import of_texts
from scenarios.expect import Expect
from scenarios.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: which turn of which case it ends, and how. `turn` is the hash under which rows know the turn.

    A file that people made may say in each line what is expected, and what they call the answer (`label`).
    """

    endpoint: str
    arm: str
    turn: int
    case_id: str
    turn_no: int
    prompt: str
    answer: str
    outcome: Outcome
    expect: Expect | None = None
    label: str = ""


def read_answers(paths: Iterable[Path], notes: list[str]) -> list[Answer]:
    """Read answers, each turn once; broken lines are left out and counted."""
    found: dict[tuple[str, str, str], Answer] = {}
    for path in paths:
        broken = 0
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else ():
            if not line.strip():
                continue
            try:
                document = json.loads(line)
                found.setdefault(_key(document), _answer(document))
            except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
                broken += 1
        if broken:
            notes.append(f"{path.name}: {broken:,} torn or broken lines were left out")
    return list(found.values())


def _key(document: dict[str, Any]) -> tuple[str, str, str]:
    """Name a turn; an answer without an id is known by its case."""
    turn_id = document.get("turn_id", document["case_id"])
    return str(document.get("endpoint", "answers")), str(document.get("arm", "")), str(turn_id)


def _answer(document: dict[str, Any]) -> Answer:
    endpoint, arm, turn_id = _key(document)
    expect = document.get("expect")
    return Answer(
        endpoint=endpoint,
        arm=arm,
        turn=int(of_texts([[turn_id]], 1).hashes(0)[0]),
        case_id=str(document["case_id"]),
        turn_no=int(document.get("turn_no", 1)),
        prompt=str(document.get("prompt", "")),
        answer=str(document["answer"]),
        outcome=Outcome(document.get("outcome", Outcome.OK)),
        expect=None if expect is None else Expect.model_validate(expect),
        label=str(document.get("label", "")),
    )
