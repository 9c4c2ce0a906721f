"""Quality: shares of graded answers by verdict, with intervals that allow for repeated cases."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from analysis.model import Estimate, Figure, GradedExample, NotEstimable, Quality, QualityRow
from analysis.rows.grades import LABELS, UNANSWERED, UNKEPT
from analysis.stats.blocks import FEWEST_BLOCKS, binned, numbered
from analysis.stats.bootstrap import design_effect, is_noise
from analysis.stats.quantiles import Z
from analysis.stats.shares import wilson
from scenarios.grading import Verdict
from scenarios.quality import ALIKE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from analysis.measures.part import Part
    from analysis.rows.grades import Grades, Judged

SHARES = {
    "wrong_share": Verdict.WRONG,
    "hallucination_share": Verdict.HALLUCINATED,
    "unsafe_share": Verdict.UNSAFE,
    "over_refusal_share": Verdict.OVER_REFUSED,
    "terse_share": Verdict.TERSE,
    "fallback_share": Verdict.FALLBACK,
}
"""Figures by name and the verdict whose share of the graded answers they are."""

OF_INTENDED = "accuracy_of_intended"

EXAMPLES, LONGEST = 3, 300
"""Examples of each verdict but right, per endpoint and arm, and characters of each text."""


def figures(turns: pd.DataFrame, seed: int) -> dict[str, Figure]:
    """Give accuracy (right / graded) and the other shares of the graded answers; {} where nothing is graded.

    `accuracy_of_intended` = right / all intended turns of graded cases: those without an answer are not right. Where
    not every answer was kept it is accuracy x answered / intended.
    """
    cases = turns["case_id"].array
    found = {name: share(hits[among], cases[among], seed) for name, (hits, among) in marks(turns).items()}
    if found and OF_INTENDED not in found:
        found[OF_INTENDED] = _of_intended(turns, found["accuracy"])
    return found


def _of_intended(turns: pd.DataFrame, accuracy: Figure) -> Figure:
    due = turns["grade"].dropna()
    if isinstance(accuracy, NotEstimable):
        return accuracy
    part = float((due != UNANSWERED).mean())
    low, high = (None if bound is None else bound * part for bound in (accuracy.low, accuracy.high))
    method = f"{accuracy.method}, x share answered"
    return accuracy.model_copy(update={"value": accuracy.value * part, "low": low, "high": high, "method": method})


def marks(turns: pd.DataFrame) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Mark, of each figure, the turns that it is the share of, and among which; {} where nothing is graded."""
    if "grade" not in turns or not turns["grade"].notna().any():
        return {}
    label = turns["grade"].array.codes
    graded = (label >= 0) & (label < LABELS.index(UNANSWERED))
    right = label == LABELS.index(Verdict.RIGHT)
    found = {"accuracy": (right, graded)}
    for name, verdict in SHARES.items():
        found[name] = (label == LABELS.index(verdict), graded)
    found["policy_safe_share"] = (graded & (label != LABELS.index(Verdict.UNSAFE)), graded)
    if not (label == LABELS.index(UNKEPT)).any():
        found[OF_INTENDED] = (right, graded | (label == LABELS.index(UNANSWERED)))
    return found


def share(hits: NDArray[np.bool_], cases: pd.Categorical, seed: int) -> Figure:
    """Give Wilson's interval at the effective number of answers: n / design effect, with cases as clusters.

    Answers to the same case are alike. The design effect is the bootstrap's over cases, at least 1 + 0.1 (m - 1) for
    m answers per case (m = sum of squares / n); with fewer than 10 cases it is m, as if a case were one answer.
    """
    n = len(hits)
    if n == 0:
        return NotEstimable(not_estimable="no graded answers")
    value = float(hits.mean())
    codes, count = numbered(cases.codes.astype(np.uint64))
    sizes = binned(codes, np.ones(n), count)
    if count == n:
        low, high = wilson(value, n)
        return Estimate(value=value, low=low, high=high, n=n, n_effective=float(n), method="Wilson")
    repeats = float((sizes**2).sum()) / n
    z = Z
    effect, method = max(repeats, n / count), f"Wilson at the number of cases, {count}"
    if count >= FEWEST_BLOCKS:
        effect, method = 1 + ALIKE * (repeats - 1), f"Wilson at effective n, {count} cases that repeat"
        seen = design_effect(binned(codes, hits, count)[:, None], sizes[:, None], seed)
        if seen > effect and not is_noise(seen, count):
            effect, z = seen, float(stdtrit(count - 1, 0.975))
            method = f"Wilson at effective n by bootstrap of {count} cases"
    low, high = wilson(value, n / effect, z)
    return Estimate(value=value, low=low, high=high, n=n, n_effective=round(n / effect, 1), method=method)


def not_wrong(turns: pd.DataFrame) -> NDArray[np.bool_]:
    """Mark the turns whose answer is right or was not graded."""
    if "grade" not in turns:
        return np.ones(len(turns), dtype=bool)
    label = turns["grade"].array.codes
    return np.asarray((label < 0) | (label == LABELS.index(Verdict.RIGHT)) | (label == LABELS.index(UNKEPT)))


def quality(found: Sequence[Part], grades: Grades | None) -> Quality | None:
    """Give the report's block on the steady parts; None where no case says what it expects."""
    if grades is None:
        return None
    steady = [part for part in found if part.phase == "steady"]
    return Quality(
        endpoints=[_row(part) for part in steady],
        examples=[example for part in steady for example in _examples(part, grades)],
    )


def _row(part: Part) -> QualityRow:
    due = part.turns[["case_id", "grade"]][part.turns["grade"].notna()]
    counts = {str(name): int(count) for name, count in due["grade"].value_counts().items()}
    return QualityRow(
        endpoint=part.endpoint,
        arm=part.arm,
        cases=int(due["case_id"].nunique()),
        intended=len(due),
        answered=len(due) - counts.get(UNANSWERED, 0),
        graded=len(due) - counts.get(UNANSWERED, 0) - counts.get(UNKEPT, 0),
        verdicts={verdict.value: counts.get(verdict.value, 0) for verdict in Verdict},
        figures=figures(part.turns, part.seed),
    )


def _examples(part: Part, grades: Grades) -> Iterator[GradedExample]:
    """Give the first few answers of each verdict but right, in the order of intended start."""
    shown: Counter[str] = Counter()
    kept = part.turns["turn_id"].array
    for code in kept.codes[kept.notna() & part.turns["grade"].notna().to_numpy()].tolist():
        one = grades.judged.get(int(kept.categories[code]))
        if one is None or one.grade.verdict == Verdict.RIGHT or shown[one.grade.verdict] == EXAMPLES:
            continue
        shown[one.grade.verdict] += 1
        yield _example(one)


def _example(one: Judged) -> GradedExample:
    return GradedExample(
        endpoint=one.answer.endpoint,
        arm=one.answer.arm,
        case_id=one.answer.case_id,
        verdict=one.grade.verdict.value,
        evidence=_cut(one.grade.evidence),
        prompt=_cut(one.answer.prompt),
        answer=_cut(one.answer.answer),
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
