"""A seeded sample of what was said, for a person to read and a rubric to grade."""

from __future__ import annotations

import heapq
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SAMPLE = 50
"""Answers kept per lane and worker."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One turn's last message and the answer to it."""

    endpoint: str
    arm: str
    worker: str
    turn_id: str
    case_id: str
    prompt: str
    answer: str
    reasoning: str
    outcome: str
    finish_reason: str


class Answers:
    """Keeps the turns whose seeded hash is lowest: the same ones in whatever order they end."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._kept: dict[tuple[str, str], list[tuple[int, str, Answer]]] = defaultdict(list)

    def wants(self, endpoint: str, arm: str, turn_id: str) -> bool:
        """Tell whether a turn's answer would be kept: seldom true later in a run, so that few need be made."""
        kept = self._kept[endpoint, arm]
        return len(kept) < SAMPLE or self._rank(turn_id) > kept[0][:2]

    def offer(self, answer: Answer) -> None:
        """Keep `answer`, or not."""
        kept = self._kept[answer.endpoint, answer.arm]
        ranked = (*self._rank(answer.turn_id), answer)
        if len(kept) < SAMPLE:
            heapq.heappush(kept, ranked)
        elif ranked > kept[0]:
            heapq.heapreplace(kept, ranked)

    def _rank(self, turn_id: str) -> tuple[int, str]:
        return -zlib.crc32(f"{self._seed}/{turn_id}".encode()), turn_id

    def documents(self) -> list[dict[str, Any]]:
        """Give those kept, in order of lane and turn."""
        lanes = (self._kept[lane] for lane in sorted(self._kept))
        return [asdict(answer) for kept in lanes for _, _, answer in sorted(kept, key=lambda entry: entry[1])]


def write(path: Path, documents: Iterable[dict[str, Any]]) -> None:
    """Write `answers.jsonl`."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
