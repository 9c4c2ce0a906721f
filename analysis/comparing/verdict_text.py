"""A comparison in words: one sentence per line, one paragraph for the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.model import Estimate, Figure, NotEstimable
from analysis.words import figures
from analysis.words.figures import Unit

if TYPE_CHECKING:
    from analysis.comparing.comparison import Contrast, MarginLine, Pair

HEADLINES = (
    ("response_time_ms", "p95"),
    ("ttft_ms", "p95"),
    ("cost_per_1k_responses_usd", ""),
    ("throttled_share", ""),
    ("failed_share", ""),
    ("accuracy", ""),
)
"""What the conclusion speaks of where no line does."""

LABELS = {
    "output_tokens": "Output tokens",
    "like_length_response_time_ms": "Response time of answers of like length",
    "like_length_service_time_ms": "Service time of answers of like length",
}
"""Words for figures that only comparisons have."""

VERBS = {"pass": "keeps", "fail": "breaks", "inconclusive": "cannot be judged on"}


def ratio_text(figure: Figure) -> str:
    """Write the ratio with its interval: `1.18x [1.12, 1.25]`, with the sign of multiplication."""
    if isinstance(figure, NotEstimable):
        return figures.NOT_ESTIMABLE
    return f"{figures.estimate_text(figure, '')}{figures.TIMES} {figures.interval_text(figure, '')}".rstrip()


def difference_text(figure: Figure, unit: Unit) -> str:
    """Write `+74 ms [+51, +97]`; shares differ by points (pp)."""
    if isinstance(figure, NotEstimable):
        return figures.NOT_ESTIMABLE
    low, high = figure.low, figure.high
    width = abs(high - low) or None if low is not None and high is not None else None
    value = _signed(figure.value, unit, width)
    amount = f"{value} pp" if unit == "share" else figures.measure(value, unit).replace("$+", "+$").replace("$-", "-$")
    bounds = ", ".join("?" if side is None else _signed(side, unit, width) for side in (low, high))
    return f"{amount} [{bounds}]"


def _signed(value: float, unit: Unit, width: float | None) -> str:
    text = figures.number(value, unit, width)
    return f"+{text}" if value > 0 and text != "0" else text


def effect_text(figure: Figure, form: str, unit: Unit) -> str:
    """Write an effect of either form."""
    return ratio_text(figure) if form == "ratio" else difference_text(figure, unit)


def limit_text(limit: float, form: str, unit: Unit) -> str:
    """Write a margin: `1.1x`, `+50 ms`, `+1 pp`."""
    if form == "ratio":
        return f"{limit:.6g}{figures.TIMES}"
    if unit == "share":
        return f"{limit * 100:+.6g} pp"
    return difference_text(Estimate(value=limit, n=0, method=""), unit).split(" [")[0]


def sure(p_value: float) -> str:
    """Write how sure a one-sided test is: `97.3% sure`."""
    percent = 100 * (1 - p_value)
    return "more than 99.9% sure" if percent > 99.9 else f"{percent:.1f}% sure"


def line_sentence(
    line: MarginLine, *, alone: bool = False, lost: Figure | None = None, kept: float | None = None
) -> str:
    """Say which line, by how much, and how sure; `alone`: it would fail were it the only line."""
    start = f"{line.pair} {VERBS[line.verdict]} {line.line}"
    unit = figures.unit_word(line.unit)
    if isinstance(line.figure, NotEstimable):
        return f"{start} because it is not estimable: {line.figure.not_estimable}{_would_tell(line)}"
    text = f"{start} with {effect_text(line.figure, line.form, unit)}"
    if line.verdict == "fail" and line.p_adjusted is not None:
        text += f", {sure(line.p_adjusted)}"
    if line.verdict == "pass" and kept is not None:
        text += f", {sure(kept)}"
    if alone:
        text += "; alone it would fail, among all lines held it is not sure enough (Holm)"
    if isinstance(lost, Estimate):
        text += f"; the candidate lost {difference_text(lost, 'share')} more of its turns, which have no latency"
    return text + _would_tell(line)


def _would_tell(line: MarginLine) -> str:
    if line.needed_cases is not None:
        return f"; about {line.needed_cases:,} prompts that say what a right answer is would tell"
    return "" if line.needed_turns is None else f"; about {line.needed_turns:,} turns per side would tell"


def change(contrast: Contrast) -> str:
    """Say one contrast: `p95 response time rose from 412 to 486 ms, 1.18x [1.12, 1.25]`."""
    name = subject(contrast)
    unit = figures.unit_word(contrast.unit)
    before, after = figures.estimate_text(contrast.base, unit), figures.estimate_text(contrast.candidate, unit)
    by = difference_text(contrast.difference, unit) if unit == "share" else ratio_text(contrast.ratio)
    if contrast.seen == "unknown":
        return f"{name} cannot be compared"
    if contrast.seen == "no difference shown":
        return f"{name} shows no difference ({by})"
    return f"{name} {'rose' if contrast.seen == 'higher' else 'fell'} from {before} to {after}, {by}"


def subject(contrast: Contrast) -> str:
    """Name what a contrast is about: `p95 response time`."""
    label = label_of(contrast)
    label = label if label[:2].isupper() else label[0].lower() + label[1:]
    return f"{figures.quantile_label(contrast.statistic)} {label}".strip()


def label_of(contrast: Contrast) -> str:
    """Give the words for a contrast's figure, without its statistic."""
    label = LABELS.get(contrast.name) or figures.label(contrast.name)
    bare = contrast.name.removesuffix("_share").replace("_", " ")
    return f"{label} share" if contrast.unit == "share" and label.lower() == bare else label


def conclusion(verdict: str, reasons: Sequence[str], lines: Sequence[MarginLine], pairs: Sequence[Pair]) -> str:
    """Give one paragraph: the verdict, what decided it, what stays open, what else moved, what makes sides unlike."""
    said = [_verdict(verdict, reasons, lines)]
    for word in ("fail", "inconclusive"):
        said += [f"{line.sentence}." for line in lines if line.verdict == word][:3]
    told = {(line.pair, line.line.split("(")[-1].split(")")[0].split()[0]) for line in lines if line.verdict == "fail"}
    for pair in pairs:
        said += _moves(pair, {name for of, name in told if of == pair.name})
        said += [f"{remark[0].upper()}{remark[1:]}." for remark in pair.remarks]
    return " ".join(said)


def _moves(pair: Pair, told: set[str]) -> list[str]:
    """Say which headline figures of a pair moved, and name those of which no difference is shown."""
    shown = [one for one in pair.contrasts if _is_headline(one) and one.name not in told]
    moved = [change(one) for one in shown if one.seen in ("higher", "lower")]
    still = [subject(one) for one in shown if one.seen == "no difference shown"]
    said = [f"On {pair.name}, {_joined(moved)}."] if moved else []
    return [*said, f"On {pair.name}, no difference is shown in {', '.join(still)}."] if still else said


def _is_headline(contrast: Contrast) -> bool:
    return (contrast.name, contrast.statistic) in HEADLINES and contrast.seen != "unknown"


def _verdict(verdict: str, reasons: Sequence[str], lines: Sequence[MarginLine]) -> str:
    count = len(lines)
    of = "the only margin" if count == 1 else f"all {count} margins"
    if verdict == "invalid":
        return f"INVALID: {reasons[0]}, so nothing below decides anything."
    if verdict == "pass":
        return f"PASS: the candidate keeps {of}."
    number = sum(line.verdict == verdict for line in lines)
    if verdict == "fail":
        return f"FAIL: the candidate breaks {number} of {count} margins."
    return f"INCONCLUSIVE: {number} of {count} margins cannot be decided, and none is surely broken."


def _joined(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{'; '.join(texts[:-1])}; and {texts[-1]}"
