"""Comparison of a candidate with a baseline: from the runs of both sides to everything that is said about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.comparing import margins, verdict_text
from analysis.comparing.comparison import Comparison, MarginLine, Overlay, Pair, RunOf
from analysis.comparing.contrasts import Couple, contrasts
from analysis.comparing.remarks import remarks
from analysis.comparing.side import Key, Known, keys, label
from analysis.entry import Entry
from analysis.foreign.imported import MISSING
from analysis.foreign.imported_entry import ImportedEntry
from analysis.measures.spectrum import spectrum
from analysis.model import Estimate, Spectrum, Verdict
from analysis.verdicts.slo_eval import parsed
from scenarios.errors import TailgateError
from scenarios.slo import Slo, parse_margin, parse_slo

DEFAULT = (
    "p95(response_time_ms) <= 1.10",
    "p95(ttft_ms) <= 1.10",
    "cost_per_1k_responses_usd <= 1.05",
    "failed_share <= +1pp",
)
"""Margins where the scenario sets none."""

DEFAULT_OF_GRADED = "accuracy >= -2pp"
"""Another one where answers of both sides are graded."""

OVERLAID = ("ttft_ms", "response_time_ms")


def compare(base: Sequence[Known], candidate: Sequence[Known], extra: Sequence[Slo] = ()) -> Comparison:
    """Compare the runs of two sides; several runs per side: the run is the unit. `extra` lines join the scenario's.

    Raises TailgateError when no endpoint is on both sides.
    """
    couples = coupled(base, candidate)
    graded = all(entry.qualities for couple in couples for entry in (*couple.base, *couple.candidate))
    lines, unread, notes = lines_of(candidate, extra, (*DEFAULT, *([DEFAULT_OF_GRADED] if graded else [])))
    held = [*margins.hold(lines, couples), *(margins.unreadable(text, why) for text, why in unread.items())]
    pairs = [_pair(couple) for couple in couples]
    reasons = [f"{run.folder.name}: {why}" for run in (*base, *candidate) for why in run.report.validity.reasons]
    verdict = _verdict(reasons, held)
    return Comparison(
        base=[_run(run) for run in base],
        candidate=[_run(run) for run in candidate],
        verdict=verdict,
        conclusion=verdict_text.conclusion(verdict, reasons, held, pairs),
        next_steps=_next_steps(verdict, held, couples),
        lines=held,
        pairs=pairs,
        notes=[*notes, *_left_out(base, candidate, couples), *_method(base, candidate), *_jointly(couples)],
        overlays=[one for couple in couples for one in _overlays(couple)],
    )


def coupled(base: Sequence[Known], candidate: Sequence[Known]) -> list[Couple]:
    """Give the endpoints and arms of the same name on both sides, or the only one of each. Raises TailgateError."""
    of_base, of_candidate = keys(base), keys(candidate)
    shared = [(key, key) for key in of_candidate if key in of_base]
    if not shared and len(of_base) == len(of_candidate) == 1:
        shared = [(of_base[0], of_candidate[0])]
    if not shared:
        names = [", ".join(map(label, side)) or "none" for side in (of_base, of_candidate)]
        raise TailgateError(
            f"no endpoint is on both sides: the base has {names[0]}, the candidate {names[1]}; "
            "choose one of each: tailgate compare BASE:ENDPOINT CANDIDATE:ENDPOINT"
        )
    return [_couple(base, candidate, *each) for each in shared]


def _couple(base: Sequence[Known], candidate: Sequence[Known], of_base: Key, of_candidate: Key) -> Couple:
    name = label(of_candidate) if of_base == of_candidate else f"{label(of_base)} → {label(of_candidate)}"
    return Couple(
        name,
        *of_candidate,
        base=[run.entries[of_base] for run in base],
        candidate=[run.entries[of_candidate] for run in candidate],
        one_run=base[0].folder.resolve() == candidate[0].folder.resolve(),
    )


def lines_of(
    candidate: Sequence[Known], extra: Sequence[Slo], default: Sequence[str] = DEFAULT
) -> tuple[list[Slo], dict[str, str], list[str]]:
    """Give the margins: the scenario's `compare` and relative `slo` lines and `extra`, else the default ones.

    Then those that cannot be read, with the reason, and what there is to note.
    """
    scenario = candidate[-1].scenario
    lines, unread = parsed(scenario, "compare", parse_margin)
    lines += [line for line in parsed(scenario, "slo", parse_slo)[0] if line.form != "limit"]
    lines += extra
    if lines or unread:
        return lines, unread, []
    note = f"the scenario has no `compare:` lines; the default margins are held: {', '.join(default)}"
    return [parse_margin(line) for line in default], {}, [note]


def _verdict(reasons: Sequence[str], held: Sequence[MarginLine]) -> Verdict:
    """Invalid before all; fail if any line fails; pass only if every line passes."""
    if reasons:
        return "invalid"
    found = {line.verdict for line in held}
    if "fail" in found:
        return "fail"
    return "pass" if found == {"pass"} else "inconclusive"


def _pair(couple: Couple) -> Pair:
    found = contrasts(couple)
    name_of = [f"{side[0].part.endpoint}/{side[0].part.arm}".rstrip("/") for side in (couple.base, couple.candidate)]
    return Pair(
        name=couple.name,
        base=name_of[0],
        candidate=name_of[1],
        base_turns=sum(len(entry.part.turns) for entry in couple.base),
        candidate_turns=sum(len(entry.part.turns) for entry in couple.candidate),
        contrasts=found,
        remarks=remarks(couple, found),
    )


def _run(run: Known) -> RunOf:
    report = run.report
    return RunOf(
        run_id=report.run_id,
        name=report.name,
        started_at=report.started_at,
        folder=run.folder.name,
        validity=report.validity.verdict,
        reasons=report.validity.reasons,
    )


def _next_steps(verdict: Verdict, held: Sequence[MarginLine], couples: Sequence[Couple]) -> list[str]:
    if verdict == "invalid":
        return ["do not use these figures for a decision: mend what is named above and run again"]
    steps = []
    open_lines = [line for line in held if line.verdict == "inconclusive"]
    longer = max((line.needed_turns or 0 for line in open_lines), default=0)
    if longer:
        spans = [entry.part.span_s for couple in couples for entry in (*couple.base, *couple.candidate)]
        turns = [len(entry.part.turns) for couple in couples for entry in (*couple.base, *couple.candidate)]
        times = longer / max(min(turns), 1)
        steps.append(
            f"run each side with about {longer:,} steady turns per endpoint to decide what is open: "
            f"{times:.1f} times as long, steady for about {max(spans) * times / 60:,.0f} min"
        )
    if more := max((line.needed_cases or 0 for line in open_lines), default=0):
        steps.append(
            f"write `expect` in about {more:,} prompts to decide what is open on quality: answers to one prompt are "
            "alike, so that more turns with these would not"
        )
    needs = [line for line in open_lines if not line.needed_turns and not line.needed_cases]
    near = [line for line in needs if isinstance(line.figure, Estimate)]
    if near:
        steps.append(f"{near[0].line} on {near[0].pair} lies too near its margin for more turns to decide: repeat runs")
    return steps


def _left_out(base: Sequence[Known], candidate: Sequence[Known], couples: Sequence[Couple]) -> Iterator[str]:
    used = {id(entry) for couple in couples for entry in (*couple.base, *couple.candidate)}
    for word, side in (("base", base), ("candidate", candidate)):
        names = dict.fromkeys(label(key) for run in side for key, entry in run.entries.items() if id(entry) not in used)
        if names:
            yield f"only in the {word}, so not compared: {', '.join(names)}"


def _method(base: Sequence[Known], candidate: Sequence[Known]) -> Iterator[str]:
    if any(isinstance(entry, ImportedEntry) for run in (*base, *candidate) for entry in run.entries.values()):
        yield MISSING
    if len(base) == len(candidate) == 1:
        yield (
            "each side's interval is by block bootstrap or order statistics, with whole conversations kept; the "
            "interval of a ratio or difference is recovered from both sides' intervals (MOVER, Zou & Donner 2008)"
        )
        yield "one run per side cannot show how much runs differ from one another: repeat each side to have that in it"
    else:
        yield f"the run is the unit: {len(base)} against {len(candidate)} runs, Student's t between runs (Welch)"
    yield (
        "a line passes when the whole 95% interval keeps its margin; it fails when it surely lies beyond, by Holm's "
        "rule over all lines, so that the chance of any false fail stays below 2.5%; anything else is inconclusive"
    )


def _jointly(couples: Sequence[Couple]) -> Iterator[str]:
    for couple in couples:
        if couple.shared is not None:
            yield (
                f"{couple.name}: both sides share {couple.shared.count:,} {couple.shared.word}; a figure that varies "
                "with these on both sides alike has the interval of the two drawn together (Zou 2007)"
            )


def _overlays(couple: Couple) -> Iterator[Overlay]:
    if len(couple.base) > 1 or len(couple.candidate) > 1:
        return
    for metric in OVERLAID:
        base, candidate = (_spectrum(side[0], metric) for side in (couple.base, couple.candidate))
        yield Overlay(pair=couple.name, metric=metric, base=base, candidate=candidate)


def _spectrum(entry: Entry, metric: str) -> Spectrum:
    return spectrum(entry.part.sample(metric))
