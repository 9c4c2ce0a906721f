"""Graded runs made from a seed: what cases expect, and answers whose quality is known."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from typing import TYPE_CHECKING

from synthetic import Plan, write_run

from scenarios.records import ANSWERED, Outcome

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = {
    "right": "The code is alpha, as it says on the door.",
    "wrong": "I believe that it is something else entirely.",
    "hallucinated": "The code is omega, as it says on the door.",
    "terse": "Ok.",
}
CODE = {"facts": ["alpha"], "never": ["omega"]}


def write_graded(folder: Path, plan: Plan, shares: dict[str, float], *, cases: int = 5) -> Counter[tuple[str, str]]:
    """Write a run whose cases expect something, with answers drawn by `shares`; give steady ones by endpoint and kind.

    The first of its conversation is each turn that is graded.
    """
    write_run(folder, plan)
    meta = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    names = [f"case-{number}" for number in range(cases)]
    prompts = [{"id": name, "turns": ["What is the code?"], "expect": [CODE]} for name in names]
    meta["scenario"] = {**meta["scenario"], "conversation": {"prompts": prompts}}
    (folder / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    rng, said, lines = random.Random(plan.seed), Counter[tuple[str, str]](), []
    for row in first_turns(folder):
        kind = rng.choices(list(shares), list(shares.values()))[0]
        answered = Outcome(row["outcome"]) in ANSWERED
        if row["phase"] == "steady":
            said[row["endpoint"], kind if answered else "unanswered"] += 1
        if answered:
            copied = {
                name: row[name] for name in ("endpoint", "arm", "phase", "worker", "turn_id", "case_id", "outcome")
            }
            lines.append(json.dumps({**copied, "turn_no": 1, "prompt": "What is the code?", "answer": TEXTS[kind]}))
    (folder / "answers.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return said


def first_turns(folder: Path) -> list[dict[str, str]]:
    """Give the last attempt of the first turn of each conversation."""
    turns: dict[str, dict[str, str]] = {}
    with (folder / "attempts.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            turns[row["turn_id"]] = row
    first: dict[str, dict[str, str]] = {}
    for row in sorted(turns.values(), key=lambda row: float(row["intended_s"])):
        first.setdefault(row["conversation_id"], row)
    return list(first.values())
