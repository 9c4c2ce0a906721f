"""What was said, for a person to read and a rubric to grade: a small sample of all, and answers to graded cases."""

from __future__ import annotations

import heapq
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from locustfiles._schedule import STEADY

SAMPLE = 50
"""Answers kept per lane and worker for a person to read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One turn's last message and the answer to it. `turn_no` is its place in the conversation, from 1."""

    endpoint: str
    arm: str
    phase: str
    worker: str
    turn_id: str
    case_id: str
    turn_no: int
    prompt: str
    answer: str
    reasoning: str
    outcome: str
    finish_reason: str


class Kept:
    """The turns of one lane whose seeded hash is lowest: the same ones in whatever order they end."""

    def __init__(self, seed: int, most: int) -> None:
        self._seed = seed
        self._most = most
        self._ranked: list[tuple[int, str, Answer]] = []

    def wants(self, turn_id: str) -> bool:
        """Tell whether a turn's answer would be kept: seldom true later in a run, so that few need be made."""
        return len(self._ranked) < self._most or self._rank(turn_id) > self._ranked[0][:2]

    def offer(self, answer: Answer) -> None:
        """Keep `answer`, or not."""
        if not self.wants(answer.turn_id):
            return
        ranked = (*self._rank(answer.turn_id), answer)
        if len(self._ranked) < self._most:
            heapq.heappush(self._ranked, ranked)
        else:
            heapq.heapreplace(self._ranked, ranked)

    def _rank(self, turn_id: str) -> tuple[int, str]:
        return -zlib.crc32(f"{self._seed}/{turn_id}".encode()), turn_id

    def answers(self) -> list[Answer]:
        """Give those kept."""
        return [answer for _, _, answer in self._ranked]


class Answers:
    """By lane, `SAMPLE` turns of all, and `keep` of the steady ones that are graded."""

    def __init__(self, seed: int, keep: int = 0) -> None:
        self._read: defaultdict[tuple[str, str], Kept] = defaultdict(lambda: Kept(seed, SAMPLE))
        self._graded: defaultdict[tuple[str, str], Kept] = defaultdict(lambda: Kept(seed, keep))

    def wants(self, lane: tuple[str, str], phase: str, turn_id: str, *, graded: bool) -> bool:
        """Tell whether a turn's answer would be kept."""
        return self._read[lane].wants(turn_id) or (graded and phase == STEADY and self._graded[lane].wants(turn_id))

    def offer(self, answer: Answer, *, graded: bool) -> None:
        """Keep `answer`, or not."""
        lane = answer.endpoint, answer.arm
        self._read[lane].offer(answer)
        if graded and answer.phase == STEADY:
            self._graded[lane].offer(answer)

    def documents(self) -> list[dict[str, Any]]:
        """Give those kept, each once, in order of lane and turn."""
        kept = {
            (answer.endpoint, answer.arm, answer.turn_id): answer
            for lanes in (self._read, self._graded)
            for lane in lanes.values()
            for answer in lane.answers()
        }
        return [asdict(kept[key]) for key in sorted(kept)]


def write(path: Path, documents: Iterable[dict[str, Any]]) -> None:
    """Write `answers.jsonl`."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
