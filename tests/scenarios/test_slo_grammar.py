"""The grammar of SLO lines: what it makes is read as it was meant, all else is refused with its place."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.bound import SCALES, Form
from scenarios.errors import ScenarioError
from scenarios.records import Outcome
from scenarios.scenario import load
from scenarios.slo import METRICS, Comparator, Metric, Slo, parse_margin, parse_slo

COMPARATORS: tuple[Comparator, ...] = ("<", "<=", ">", ">=")
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
NUMBERS = st.decimals(min_value="0.001", max_value="0.999", places=3)
BLANKS = st.sampled_from(["", " ", "  "])
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Made:
    """A line and what it means."""

    text: str
    meaning: Slo


def bounds(metric: Metric) -> st.SearchStrategy[tuple[str, Form, float]]:
    """Make each form of bound: its text, its form, its value in the metric's unit."""
    scales = SCALES[metric.unit]
    limits = st.tuples(NUMBERS, BLANKS, st.sampled_from(sorted(scales)))
    absolute = limits.filter(lambda made: float(made[0]) * scales[made[2]] <= 1 or metric.unit != "share").map(
        lambda made: ("".join(map(str, made)), "limit", round(float(made[0]) * scales[made[2]], 12))
    )
    changes = {**scales, "pp": 0.01} if metric.unit == "share" else scales
    changes = {unit: scale for unit, scale in changes.items() if unit != "%"}
    shifted = st.tuples(st.sampled_from("+-"), BLANKS, NUMBERS, st.sampled_from(sorted(changes))).map(
        lambda made: (
            f"baseline {''.join(map(str, made))}",
            "difference",
            round(float(f"{made[0]}{made[2]}") * changes[made[3]], 12),
        )
    )
    scaled = st.tuples(NUMBERS, st.sampled_from([" x ", "*", "x"])).map(
        lambda made: (f"{made[0]}{made[1]}baseline", "ratio", float(made[0]))
    )
    return st.one_of(absolute, shifted, scaled, st.just(("baseline", "ratio", 1.0)))  # type: ignore[arg-type]


@st.composite
def lines(draw: st.DrawFn) -> Made:
    """Make a line of the grammar."""
    metric = METRICS[draw(st.sampled_from(sorted(METRICS)))]
    function, quantile = draw(
        st.sampled_from([("mean", None), ("p50", 0.5), ("p95", 0.95), ("p99.9", 0.999)])
        if metric.kind == "latency"
        else st.just(("", None))
    )
    gap, comparator = draw(BLANKS), draw(st.sampled_from(COMPARATORS))
    bound, form, value = draw(bounds(metric))
    where = draw(st.dictionaries(st.sampled_from(["endpoint", "arm", "kind"]), NAMES))
    subject = f"{function}({gap}{metric.name}{gap})" if function else metric.name
    conditions = " and ".join(f"{what}{gap}={gap}{name}" for what, name in where.items())
    text = f"{subject}{gap}{comparator}{gap}{bound}{f' where {conditions}' if where else ''}"
    written = " ".join(text.split())
    return Made(text, Slo(written, metric.name, quantile, comparator, value, metric.unit, form, **where))


@given(lines())
def test_what_the_grammar_makes_means_what_it_says(made: Made) -> None:
    """Each line is read as what it was made of, and its text is read as the same."""
    assert parse_slo(made.text) == made.meaning
    assert parse_slo(parse_slo(made.text).text) == made.meaning


@given(lines())
def test_a_relative_line_is_a_margin_too(made: Made) -> None:
    """Lines that name the baseline mean the same under `slo:` and under `compare:`."""
    if made.meaning.form != "limit":
        assert parse_margin(made.text) == made.meaning


@given(lines(), st.integers(0, 200), st.text(alphabet="()<>=%$ px95_.ms§\"'{}#:\x07é", max_size=3), st.integers(0, 3))
def test_a_spoilt_line_is_one_problem_with_its_place(made: Made, at: int, put: str, cut: int) -> None:
    """In a file, a line either loads or gives one sentence that begins with file, line and column."""
    spoilt = made.text[: at % (len(made.text) + 1)] + put + made.text[at % (len(made.text) + 1) + cut :]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "s.yaml"
        path.write_text(f"endpoints: {{a: {{simulated: {{}}}}}}\nslo:\n  - {json.dumps(spoilt)}\n", encoding="utf-8")
        problems = problems_of(path)
    if not problems:
        assert parse_slo(spoilt)
    elif " there is no endpoint " in problems[0] or " there is no arm " in problems[0]:
        assert len(problems) <= 2
    else:
        assert re.fullmatch(rf"{re.escape(str(path))}:3:5: slo\.0: .+", "\n".join(problems))


def problems_of(path: Path) -> list[str]:
    """Give what is said of a scenario file; nothing where it loads."""
    try:
        load(path)
    except ScenarioError as error:
        return error.problems
    return []


def test_the_readme_has_the_grammar() -> None:
    """The block under Objectives is the parser's own, and every metric stands beside it."""
    block = re.search(r"```bnf\n(.*?)```", README, re.DOTALL)
    own = re.search(r"```\n(.*?)```", parse_slo.__doc__ or "", re.DOTALL)
    assert block is not None
    assert own is not None
    assert block.group(1).split() == own.group(1).split()
    outcomes = {f"{outcome}_share" for outcome in Outcome}
    assert [name for name in METRICS if name not in outcomes and f"`{name}`" not in README] == []


@pytest.mark.parametrize(
    "line", ["p95(ttft_ms) < 800 where endpoint=large", "accuracy >= 85%", "failed_share <= baseline + 1pp"]
)
def test_the_examples_of_the_grammar_are_read(line: str) -> None:
    """What the README shows is a line."""
    assert (f"`{line}`" in README, parse_slo(line).text) == (True, line)
