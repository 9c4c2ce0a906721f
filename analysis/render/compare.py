"""`compare.html`, `.md`, `.json` and `.junit.xml`: a comparison for people, a pull request, machines and CI."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from analysis.comparing import verdict_text
from analysis.comparing.comparison import Comparison, Contrast, MarginLine, Overlay
from analysis.model import Estimate, Figure, Spectrum
from analysis.render import charts
from analysis.render.files import replace_file
from analysis.render.html import environment
from analysis.render.junit_compare import to_junit
from analysis.render.summary import WORDS, cell
from analysis.words import figures
from analysis.words.plaintext import clean, markdown, markdown_code

if TYPE_CHECKING:
    from pathlib import Path

    from analysis.render.junit import Undecided

SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "invalid": "⛔"}
IN_MARKDOWN = (
    *(("response_time_ms", q) for q in ("p50", "p95", "p99")),
    *(("ttft_ms", q) for q in ("p50", "p95", "p99")),
    ("cost_per_1k_responses_usd", ""),
    ("output_tokens", "mean"),
    ("throttled_share", ""),
    ("failed_share", ""),
    ("accuracy", ""),
)
LEAST_SPAN, MOST_SPAN = math.log(1.25), math.log(4.0)


def write_all(comparison: Comparison, folder: Path, undecided: Undecided = "fail") -> list[Path]:
    """Write the four files, each whole or not at all; give their paths. Raises TailgateError."""
    files = {
        "compare.html": html(comparison).encode(),
        "compare.md": to_markdown(comparison).encode(),
        "compare.json": to_json(comparison).encode(),
        "compare.junit.xml": to_junit(comparison, undecided),
    }
    return [replace_file(folder / name, content) for name, content in files.items()]


def to_json(comparison: Comparison) -> str:
    """Give the machine's comparison: ASCII alone; NaN and infinity are null."""
    return json.dumps(json.loads(comparison.model_dump_json()), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def to_markdown(comparison: Comparison) -> str:
    """Give the summary for a pull request: verdict, margins, the headline figures folded."""
    names = [", ".join(markdown_code(run.folder) for run in side) for side in (comparison.base, comparison.candidate)]
    lines = [f"## {SIGNS[comparison.verdict]} {WORDS[comparison.verdict]}: {names[1]} against {names[0]}", ""]
    lines += [markdown(headline(comparison)), ""]
    lines += ["| verdict | margin | endpoint | candidate against base |", "|---|---|---|--:|"]
    lines += [
        f"| {SIGNS[line.verdict]} {line.verdict} | {markdown_code(line.line)} | {markdown_code(line.pair)} "
        f"| {markdown(_effect(line))} |"
        for line in _sorted(comparison.lines)
    ]
    lines += ["", *(f"- **Next:** {markdown(step)}" for step in comparison.next_steps)]
    for pair in comparison.pairs:
        lines += ["", f"<details><summary>{markdown(pair.name)}</summary>", ""]
        lines += [f"- {markdown(remark)}" for remark in pair.remarks] + [""]
        lines += ["| | base | candidate | ratio | seen |", "|---|--:|--:|--:|---|"]
        lines += [_markdown_row(one) for one in pair.contrasts if (one.name, one.statistic) in IN_MARKDOWN]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n\nBrackets are 95% intervals; the whole comparison is in `compare.html`.\n"


def _markdown_row(one: Contrast) -> str:
    unit = figures.unit_word(one.unit)
    by = verdict_text.difference_text(one.difference, unit) if unit == "share" else verdict_text.ratio_text(one.ratio)
    base, candidate = (figures.figure_text(figure, unit) for figure in (one.base, one.candidate))
    return f"| {markdown(_label(one))} | {base} | {candidate} | {by} | {one.seen} |"


def headline(comparison: Comparison) -> str:
    """Give the conclusion without the verdict's word, which every renderer shows before it."""
    text = clean(comparison.conclusion).removeprefix(f"{WORDS[comparison.verdict]}: ")
    return text[:1].upper() + text[1:]


def html(comparison: Comparison) -> str:
    """Give the whole page; the same comparison gives the same text."""
    span = _span([one.ratio for pair in comparison.pairs for one in pair.contrasts if _has_bar(one)])
    tails = [_tail(overlay) for overlay in comparison.overlays]
    names = [", ".join(run.folder for run in side) for side in (comparison.candidate, comparison.base)]
    page = (
        environment()
        .get_template("compare.html.j2")
        .render(
            comparison=comparison,
            title=f"{WORDS[comparison.verdict]}: {clean(names[0])} against {clean(names[1])}",
            heading="Candidate against base",
            facts=[f"{len(comparison.candidate)} against {len(comparison.base)} runs"],
            word=WORDS[comparison.verdict],
            conclusion=headline(comparison),
            lines=[_line_row(line) for line in _sorted(comparison.lines)],
            pairs=[_pair_row(pair, span) for pair in comparison.pairs],
            ends=f"{math.exp(-span):.2g} and {math.exp(span):.2g}",
            tails=[(plot, f"{plot['label']}, base and candidate by percentile.", _at_standard(plot)) for plot in tails],
            data={"tails": tails, "courses": []},
        )
    )
    return re.sub(r"\n\s+", "\n", page)


def _sorted(lines: list[MarginLine]) -> list[MarginLine]:
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    return sorted(lines, key=lambda line: order[line.verdict])


def _effect(line: MarginLine) -> str:
    return verdict_text.effect_text(line.figure, line.form, figures.unit_word(line.unit))


def _line_row(line: MarginLine) -> dict[str, Any]:
    unit = figures.unit_word(line.unit)
    value, interval = _parted(_effect(line))
    found = "" if line.found_at is None else verdict_text.limit_text(line.found_at, line.form, unit)
    if line.found_at is not None and (line.form == "ratio" or unit == "share"):
        found = f"{line.found_at:.2f}{figures.TIMES}" if line.form == "ratio" else f"{line.found_at * 100:+.2f} pp"
    return {
        "verdict": line.verdict,
        "line": clean(line.line),
        "pair": clean(line.pair),
        "sentence": clean(line.sentence),
        "value": value,
        "interval": interval,
        "limit": f"{line.comparator} {verdict_text.limit_text(line.limit, line.form, unit)}" if line.comparator else "",
        "found_at": found,
        "bar": _margin_bar(line),
    }


def _margin_bar(line: MarginLine) -> dict[str, Any] | None:
    """Place a line's interval on an axis of its own: logarithmic for a ratio."""
    figure = line.figure
    if not isinstance(figure, Estimate):
        return None
    scale = _ln if line.form == "ratio" else float
    low, high = (figure.value if side is None else side for side in (figure.low, figure.high))
    values = [scale(each) for each in (figure.value, low, high, line.limit)]
    if not all(map(math.isfinite, values)):
        return None
    reach = 1.25 * max(map(abs, values)) or 1.0
    value, lower, upper, limit = (round(50 + 50 * each / reach, 2) for each in values)
    allowed = (0.0, limit) if line.comparator.startswith("<") else (limit, 100.0)
    return {"value": value, "low": lower, "high": upper, "limit": limit, "same": 50.0, "allowed": allowed}


def _ln(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _pair_row(pair: Any, span: float) -> dict[str, Any]:
    rows = [_contrast_row(one, span) for one in pair.contrasts]
    counts = f"Base {clean(pair.base)}: {pair.base_turns:,} turns. Candidate {clean(pair.candidate)}: "
    return {
        "name": clean(pair.name),
        "remarks": [clean(remark) for remark in pair.remarks],
        "counts": f"{counts}{pair.candidate_turns:,} turns, steady phase.",
        "rows": rows,
    }


def _contrast_row(one: Contrast, span: float) -> dict[str, Any]:
    unit = figures.unit_word(one.unit)
    base, candidate = cell(one.base, unit), cell(one.candidate, unit)
    return {
        "label": _label(one),
        "base": base.value,
        "base_interval": base.interval,
        "base_note": base.note,
        "candidate": candidate.value,
        "candidate_interval": candidate.interval,
        "candidate_note": candidate.note,
        "ratio": _parted(verdict_text.ratio_text(one.ratio)),
        "difference": _parted(verdict_text.difference_text(one.difference, unit)),
        "seen": one.seen,
        "bar": _ratio_bar(one.ratio, span) if _has_bar(one) else None,
    }


def _parted(text: str) -> tuple[str, str]:
    """Part an effect's text into value and interval."""
    value, bracket, rest = text.partition(" [")
    return value, f"[{rest}" if bracket else ""


def _label(one: Contrast) -> str:
    return clean(f"{verdict_text.label_of(one)} {figures.quantile_label(one.statistic)}".strip())


def _has_bar(one: Contrast) -> bool:
    figure = one.ratio
    return isinstance(figure, Estimate) and figure.value > 0 and None not in (figure.low, figure.high)


def _span(ratios: list[Figure]) -> float:
    """Give how far the common axis reaches to each side of 1, as a logarithm: most intervals fit, none dwarfs them."""
    ends = sorted(
        abs(_ln(end)) for f in ratios if isinstance(f, Estimate) for end in (f.low, f.high) if end is not None
    )
    known = [end for end in ends if math.isfinite(end)]
    most = known[int(0.9 * (len(known) - 1))] if known else LEAST_SPAN
    return min(max(1.15 * most, LEAST_SPAN), MOST_SPAN)


def _ratio_bar(figure: Figure, span: float) -> dict[str, Any]:
    assert isinstance(figure, Estimate)

    def place(value: float) -> float:
        return round(min(max(50 + 50 * _ln(value) / span, 0.0), 100.0), 2)

    low, high = place(figure.low or 0.0), place(figure.high or math.inf)
    return {"value": place(figure.value), "low": low, "high": high, "limit": None, "same": 50.0, "allowed": None}


def _tail(overlay: Overlay) -> charts.TailPlot:
    """Give both spectra as curves of one tail plot."""
    sides = (("base", overlay.base, 5), ("candidate", overlay.candidate, 0))
    grid = sorted({p for _, side, _ in sides for p in side.p if 0.45 <= p <= 0.9992})
    return {
        "metric": overlay.metric,
        "label": f"{clean(overlay.pair)}: {figures.label(overlay.metric)}",
        "p": [round(p, 6) for p in grid],
        "x": [charts.tail_x(p) for p in grid],
        "curves": [_curve(name, side, colour, grid) for name, side, colour in sides],
        "limits": [],
    }


def _curve(name: str, side: Spectrum, colour: int, grid: list[float]) -> charts.Curve:
    at = {p: index for index, p in enumerate(side.p)}

    def along(values: list[float | None]) -> list[float | None]:
        return [None if p not in at or values[at[p]] is None else float(f"{values[at[p]]:.6g}") for p in grid]

    return {
        "name": name,
        "endpoint": name,
        "colour": colour,
        "values": along(side.values),
        "low": along(side.low),
        "high": along(side.high),
    }


def _at_standard(plot: charts.TailPlot) -> list[tuple[str, list[str]]]:
    """Give the plot's table at the standard percentiles: the nearest point of each."""
    rows = []
    for p in charts.STANDARD:
        index = min(range(len(plot["p"])), key=lambda i: abs(plot["p"][i] - p), default=None)
        if index is None:
            continue
        rows.append((f"p{plot['p'][index] * 100:.4g}", [_point(curve, index) for curve in plot["curves"]]))
    return rows


def _point(curve: charts.Curve, index: int) -> str:
    value, low, high = (curve[side][index] for side in ("values", "low", "high"))
    if value is None:
        return figures.NOT_ESTIMABLE
    return figures.figure_text(Estimate(value=value, low=low, high=high, n=0, method=""), "ms")
