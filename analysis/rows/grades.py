"""Grades: the verdict on each answer of a run, put to the turn that it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from analysis.rows.answers import Answer, read_answers
from analysis.rows.pieces import pieces
from scenarios.grading import Grade, Said, Verdict, grade
from scenarios.prompts import Prompt
from scenarios.rubric import Rubric, default

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from scenarios.expect import Expect

UNANSWERED, UNKEPT = "unanswered", "unkept"
LABELS = (*(verdict.value for verdict in Verdict), UNANSWERED, UNKEPT)
"""What the column `grade` says of a turn whose case expects something; of the others it is missing."""

Expected = dict[tuple[str, int], "Expect"]
"""By case and turn, from 1."""


@dataclass(frozen=True)
class Judged:
    """An answer and its grade."""

    answer: Answer
    grade: Grade


@dataclass(frozen=True)
class Grades:
    """The graded answers of a run, by turn, and the turns that expect something."""

    expected: Expected
    judged: Mapping[int, Judged]

    def mark(self, turns: pd.DataFrame) -> pd.DataFrame:
        """Add the column `grade` to all turns of a run, and keep of `turn_id` those whose answers are here."""
        codes = np.full(len(turns), -1, dtype=np.int8)
        due = self._due(turns)
        answered = turns["answered"].to_numpy(dtype=bool)
        codes[due & ~answered] = LABELS.index(UNANSWERED)
        codes[due & answered] = LABELS.index(UNKEPT)
        ids = np.array(sorted(self.judged), dtype=np.uint64)
        which = _places(turns["turn_id"].to_numpy(dtype=np.uint64), ids)
        verdicts = np.array([LABELS.index(self.judged[turn].grade.verdict) for turn in ids.tolist()], dtype=np.int8)
        known = (which >= 0) & due & answered
        codes[known] = verdicts[which[known]]
        kept = pd.Categorical.from_codes(which, pd.Index(ids))
        return turns.assign(grade=pd.Categorical.from_codes(codes, pd.Index(LABELS)), turn_id=kept)

    def _due(self, turns: pd.DataFrame) -> NDArray[np.bool_]:
        """Mark the turns whose answer is expected to hold something."""
        case = turns["case_id"].astype("category").array
        last = max(turn_no for _, turn_no in self.expected)
        table = np.zeros((len(case.categories) + 1, last + 2), dtype=bool)
        for row, name in enumerate(case.categories):
            table[row, [turn_no for turn_no in range(1, last + 1) if (str(name), turn_no) in self.expected]] = True
        return np.asarray(table[case.codes, np.minimum(turn_numbers(turns), last + 1)])


def _places(ids: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.signedinteger[Any]]:
    """Give the place of each id among the known ones, which are ascending; -1 where it is none."""
    found = np.full(len(ids), -1, dtype=np.min_scalar_type(-1 - len(known)))
    for rows in pieces(len(ids) if len(known) else 0):
        place = np.minimum(np.searchsorted(known, ids[rows]), len(known) - 1)
        found[rows] = np.where(known[place] == ids[rows], place, -1)
    return found


def turn_numbers(turns: pd.DataFrame) -> NDArray[np.int32]:
    """Give each turn's place in its conversation, from 1, by intended start."""
    ids = turns["conversation_id"].to_numpy()
    order = np.lexsort((turns["intended_s"].to_numpy(), ids)).astype(np.int32)
    ordered = ids[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ids)]).astype(np.int32)
    del ordered
    place = np.arange(1, len(ids) + 1, dtype=np.int32)
    place -= np.repeat(first, np.diff(first, append=np.int32(len(ids))))
    numbers = np.empty(len(ids), dtype=np.int32)
    numbers[order] = place
    return numbers


def judge(answers: Iterable[Answer], expected: Expected, rubric: Rubric) -> dict[int, Judged]:
    """Grade the answers of which something is expected, by the cases or by their own lines; give them by turn."""
    return {
        answer.turn: Judged(answer, grade(expect, Said(answer.prompt, answer.answer, answer.outcome), rubric))
        for answer in answers
        if (expect := expected.get((answer.case_id, answer.turn_no), answer.expect)) is not None
    }


def grades(folder: Path, meta: Mapping[str, Any], notes: list[str], rubric: Rubric | None = None) -> Grades | None:
    """Grade a run by `rubric`, else by its scenario's; None where no case says what it expects."""
    rubric = rubric or rubric_of(meta, notes)
    expected = expected_of(meta, rubric, notes)
    if not expected:
        return None
    # A worker's own file is still there when it was killed: then the whole one lacks its answers.
    files = [folder / "answers.jsonl", *sorted(folder.glob("answers-*.jsonl"))]
    return Grades(expected, judge(read_answers(files, notes), expected, rubric))


def rubric_of(meta: Mapping[str, Any], notes: list[str]) -> Rubric:
    """Give the rubric that a run's scenario names, else the one that ships."""
    quality = _scenario(meta).get("quality")
    written = quality.get("rubric") if isinstance(quality, dict) else None
    try:
        return default() if written is None else Rubric.model_validate(written)
    except ValidationError:
        notes.append("the rubric in run.json cannot be read: answers are graded by the one that ships")
        return default()


def expected_of(meta: Mapping[str, Any], rubric: Rubric, notes: list[str]) -> Expected:
    """Give what is expected of answers: the prompts' own words, and over them the rubric's cases."""
    conversation = _scenario(meta).get("conversation")
    written = conversation.get("prompts") if isinstance(conversation, dict) else None
    found: Expected = {}
    for entry in written if isinstance(written, list) else ():
        if not isinstance(entry, dict) or not entry.get("expect"):
            continue
        try:
            prompt = Prompt.model_validate(entry)
        except ValidationError:
            notes.append(f"what case {entry.get('id')} expects cannot be read from run.json: it is not graded")
            continue
        found |= {(prompt.id, no): expect for no, expect in enumerate(prompt.expect, start=1) if expect is not None}
    return found | {(case, 1): expect for case, expect in rubric.cases.items()}


def _scenario(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    found = meta.get("scenario")
    return found if isinstance(found, dict) else {}
