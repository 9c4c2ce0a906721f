"""What was said, for a person to read and a rubric to grade: a small sample of all, and answers to graded cases."""

from __future__ import annotations

import contextlib
import heapq
import json
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
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

    def offer(self, answer: Answer) -> bool:
        """Keep `answer`, or not; tell which."""
        if not self.wants(answer.turn_id):
            return False
        ranked = (*self._rank(answer.turn_id), answer)
        if len(self._ranked) < self._most:
            heapq.heappush(self._ranked, ranked)
        else:
            heapq.heapreplace(self._ranked, ranked)
        return True

    def _rank(self, turn_id: str) -> tuple[int, str]:
        return -zlib.crc32(f"{self._seed}/{turn_id}".encode()), turn_id

    def answers(self) -> list[Answer]:
        """Give those kept."""
        return [answer for _, _, answer in self._ranked]


class Answers:
    """By lane, `SAMPLE` turns of all, and `keep` of the steady ones that are graded.

    These are also written to `path` as they come, so that they are there when this process is killed. It may hold more
    than are kept in the end.
    """

    def __init__(self, seed: int, keep: int = 0, path: Path | None = None) -> None:
        self._read: defaultdict[tuple[str, str], Kept] = defaultdict(lambda: Kept(seed, SAMPLE))
        self._graded: defaultdict[tuple[str, str], Kept] = defaultdict(lambda: Kept(seed, keep))
        self._path = path

    def wants(self, lane: tuple[str, str], phase: str, turn_id: str, *, graded: bool) -> bool:
        """Tell whether a turn's answer would be kept."""
        return self._read[lane].wants(turn_id) or (graded and phase == STEADY and self._graded[lane].wants(turn_id))

    def offer(self, answer: Answer, *, graded: bool) -> None:
        """Keep `answer`, or not."""
        lane = answer.endpoint, answer.arm
        self._read[lane].offer(answer)
        if graded and answer.phase == STEADY and self._graded[lane].offer(answer) and self._path is not None:
            with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as file:
                file.write(_line(asdict(answer)))

    def documents(self) -> list[dict[str, Any]]:
        """Give those kept, each once, in order of lane and turn."""
        kept = {
            (answer.endpoint, answer.arm, answer.turn_id): answer
            for lanes in (self._read, self._graded)
            for lane in lanes.values()
            for answer in lane.answers()
        }
        return [asdict(kept[key]) for key in sorted(kept)]


def write(folder: Path, answers: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    """Write `answers.jsonl` from what each worker kept; its own file, where it lies here, is not needed any more."""
    with (folder / "answers.jsonl").open("w", encoding="utf-8") as file:
        for kept in answers.values():
            file.writelines(map(_line, kept))
    for worker in (worker for worker, kept in answers.items() if kept):
        own_path(folder, worker).unlink(missing_ok=True)


def own_path(folder: Path, worker: str) -> Path:
    """Name the file of one worker's answers while they are nowhere else."""
    return folder / f"answers-{worker}.jsonl"


def _line(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False) + "\n"
