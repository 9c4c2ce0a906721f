"""Reading run folders in whatever state they were left."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic import BASE, Plan, write_run

from analysis.model import Group
from analysis.report import build
from analysis.rows.read import read_run
from scenarios.errors import TailgateError
from scenarios.records import COLUMNS

SMALL = Plan(models=(BASE,), turns=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a small, whole run folder."""
    write_run(tmp_path / "run", SMALL)
    return tmp_path / "run"


def test_whole_folder(folder: Path) -> None:
    """Every row comes back, typed, without a note about it."""
    run = read_run(folder)
    assert (len(run.attempts), run.notes) == (75, ())
    assert tuple(str(run.attempts[name].dtype) for name in ("sent_s", "outcome", "turn_id")) == (
        "float64",
        "category",
        "uint64",
    )


def test_torn_last_line(folder: Path) -> None:
    """A last line without its end is left out, however plausible it looks, and counted."""
    path = folder / "attempts.csv"
    path.write_bytes(path.read_bytes()[:-9])
    run = read_run(folder)
    assert (len(run.attempts), run.notes) == (74, ("attempts.csv: 1 torn or broken lines were left out",))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 12_000))
def test_cut_anywhere(folder: Path, cut: int) -> None:
    """A file cut at any byte gives the rows before the cut."""
    whole = (folder / "attempts.csv").read_bytes()
    part = folder.parent / "part"
    part.mkdir(exist_ok=True)
    (part / "attempts.csv").write_bytes(whole[:cut])
    try:
        run = read_run(part)
    except TailgateError:
        assert cut < len(",".join(COLUMNS))
        return
    assert max(whole[:cut].count(b"\n") - 1, 0) == len(run.attempts)


def test_rewritten_tail(folder: Path) -> None:
    """A torn line that a restarted worker wrote on costs that line alone."""
    path = folder / "attempts.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:30]) + lines[30][:40] + b"".join(lines[31:]))
    assert len(read_run(folder).attempts) == 73


@pytest.mark.parametrize(
    "line",
    [
        b"garbage\n",
        b'"unclosed,quote\n',
        b",,,,\n",
        b"\xff\xfe\x00\x01\n",
        b",".join([b"x"] * len(COLUMNS)) + b"\n",
    ],
    ids=["one word", "quote", "too few", "binary", "words for numbers"],
)
def test_hostile_line(folder: Path, line: bytes) -> None:
    """A line that is no row is left out and counted; the others stay."""
    path = folder / "attempts.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:50], line, *lines[50:]]))
    run = read_run(folder)
    assert (len(run.attempts), run.notes) == (75, ("attempts.csv: 1 torn or broken lines were left out",))


def test_quoted_fields(folder: Path) -> None:
    """A field with a comma in quotes is one field."""
    path = folder / "attempts.csv"
    text = path.read_text().splitlines()
    fields = text[1].split(",")
    fields[COLUMNS.index("case_id")] = '"a, b"'
    path.write_text("\n".join([text[0], ",".join(fields), *text[2:]]) + "\n")
    assert "a, b" in set(read_run(folder).attempts["case_id"])


def test_quoted_line_ends(folder: Path) -> None:
    """A quoted field may hold line ends; a stray quote costs its own line."""
    path = folder / "attempts.csv"
    lines = path.read_text().splitlines(keepends=True)
    column = COLUMNS.index("case_id")
    for number, text in ((3, '"a\nb, c\n""d"""'), (9, '"open'), (10, '"open'), (20, '"open')):
        fields = lines[number].split(",")
        lines[number] = ",".join([*fields[:column], text, *fields[column + 1 :]])
    path.write_text("".join(lines))
    run = read_run(folder)
    assert (len(run.attempts), 'a\nb, c\n"d"' in set(run.attempts["case_id"])) == (72, True)


def test_quoted_header(folder: Path) -> None:
    """Whoever quotes every field quotes the columns' names too."""
    expected = read_run(folder).attempts
    frame = pd.read_csv(folder / "attempts.csv", dtype="str", keep_default_na=False)
    frame.to_csv(folder / "attempts.csv", index=False, quoting=csv.QUOTE_ALL)
    pd.testing.assert_frame_equal(read_run(folder).attempts, expected)


def test_a_negative_count_is_missing(folder: Path) -> None:
    """Fewer tokens than none would make a run cheaper: such usage is unknown, and counted."""
    frame = pd.read_csv(folder / "attempts.csv", dtype="str", keep_default_na=False)
    used = frame.index[frame["output_tokens"] != ""]
    frame.loc[used[:3], "output_tokens"] = "-50"
    frame.to_csv(folder / "attempts.csv", index=False)
    notes = build(folder).notes
    assert [note for note in notes if note.startswith("attempts without known token usage: 3;")] != []


def test_windows_line_ends_and_byte_order_mark(folder: Path) -> None:
    """A file that went through a spreadsheet reads the same."""
    path = folder / "attempts.csv"
    expected = read_run(folder).attempts
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    pd.testing.assert_frame_equal(read_run(folder).attempts, expected)


def test_doubled_rows(folder: Path) -> None:
    """A row delivered twice counts once, and the report says so."""
    path = folder / "attempts.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, *lines[10:20]]))
    run = read_run(folder)
    assert (
        len(run.attempts),
        run.notes,
    ) == (75, ("10 rows were doubled (same worker and seq) and are counted once",))


def test_workers_files_stand_in_for_the_merged_one(folder: Path) -> None:
    """When the run ended before the merge, the workers' own files are read."""
    whole = (folder / "attempts.csv").read_text().splitlines(keepends=True)
    for worker in ("w0", "w1"):
        own = [line for line in whole[1:] if f",{worker}," in line]
        (folder / f"attempts-{worker}.csv").write_text("".join([whole[0], *own]))
    (folder / "attempts.csv").unlink()
    assert len(read_run(folder).attempts) == 75


def test_header_only(folder: Path) -> None:
    """A run without a row is reported, and decides nothing: its rows are missing."""
    (folder / "attempts.csv").write_text(",".join(COLUMNS) + "\n")
    report = build(folder)
    assert (report.verdict, sum(group.turns for group in report.groups)) == ("invalid", 0)


def test_empty_file(folder: Path) -> None:
    """So is one whose file of rows is empty."""
    (folder / "attempts.csv").write_bytes(b"")
    assert build(folder).verdict == "invalid"


def test_no_run_json(folder: Path) -> None:
    """Without run.json the rows are still reported, but no decision may rest on them."""
    (folder / "run.json").unlink()
    report = build(folder)
    assert (report.verdict, next(g.turns for g in report.groups if g.phase == "steady")) == ("invalid", 60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "torn or no JSON (line 1: Expecting value)"),
        ('{"run_id": "r"', "torn or no JSON"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "empty"),
        ("[" * 100_000, "no JSON that can be read"),
        ('{"seed": 1' + "0" * 5000 + "}", "no JSON that can be read"),
        ('{"phases": 3, "prices": [], "workers": {}, "scenario": 1}', "a wrong scenario and phases and workers"),
    ],
)
def test_broken_run_json(folder: Path, text: str, expected: str) -> None:
    """A broken run.json costs no rows, and the report says what is wrong with it."""
    (folder / "run.json").write_text(text)
    report = build(folder)
    assert (report.verdict, sum(group.turns for group in report.groups)) == ("invalid", 75)
    assert expected in report.validity.reasons[0]


def test_a_torn_run_json_alone_is_no_run(folder: Path) -> None:
    """Without rows there is nothing to report."""
    (folder / "attempts.csv").unlink()
    (folder / "run.json").write_text("{")
    with pytest.raises(TailgateError, match="not a run folder"):
        build(folder)


def test_run_json_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    """Windows editors leave one."""
    expected = build(folder)
    (folder / "run.json").write_bytes(b"\xef\xbb\xbf" + (folder / "run.json").read_bytes())
    assert expected == build(folder)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda folder: folder / "nowhere", "no such folder"),
        (lambda folder: folder.parent, "not a run folder"),
    ],
)
def test_no_run(folder: Path, make: object, expected: str) -> None:
    """A folder that is no run gives one line that says so."""
    with pytest.raises(TailgateError, match=expected) as caught:
        read_run(make(folder))
    assert len(str(caught.value).splitlines()) == 1


def test_foreign_columns(folder: Path) -> None:
    """A CSV of something else is refused with the missing columns' names."""
    (folder / "attempts.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TailgateError, match="the columns worker, seq, turn_id"):
        read_run(folder)


def test_other_schema(folder: Path) -> None:
    """Rows of another schema version are refused, not misread."""
    path = folder / "attempts.csv"
    path.write_text(path.read_text().replace("\n1,", "\n2,"))
    with pytest.raises(TailgateError, match="schema 2, this Tailgate reads 1"):
        read_run(folder)


def test_unknown_and_missing_columns(folder: Path) -> None:
    """A column more is ignored; an optional one that is missing is unknown, never 0."""
    frame = pd.read_csv(folder / "attempts.csv", dtype="str", keep_default_na=False)
    frame.drop(columns=["cached_input_tokens", "arm"]).assign(mood="good").to_csv(folder / "attempts.csv", index=False)
    run = read_run(folder)
    assert (True, {""}) == (bool(run.attempts["cached_input_tokens"].isna().all()), set(run.attempts["arm"]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    column=st.sampled_from(COLUMNS[1:]),
    value=st.sampled_from(["", "nan", "inf", "-inf", "-1", "1e300", "0", "x", "\u202e", "=1+1", "<b>"]),
)
def test_hostile_column(folder: Path, column: str, value: str) -> None:
    """Whatever one column holds, there is a report or one clear line, the same twice."""
    frame = pd.read_csv(folder / "attempts.csv", dtype="str", keep_default_na=False)
    other = folder.parent / "other"
    other.mkdir(exist_ok=True)
    frame.assign(**{column: value}).to_csv(other / "attempts.csv", index=False)
    (other / "run.json").write_text(json.dumps(json.loads((folder / "run.json").read_text())))
    assert outcome(other) == outcome(other)


def outcome(folder: Path) -> str:
    """Give the report as JSON, or the line that was said instead."""
    try:
        return build(folder).model_dump_json()
    except TailgateError as error:
        return str(error)


def test_rows_that_were_written_and_are_not_here_make_the_run_invalid(folder: Path) -> None:
    """Holes in attempts.csv would read as failures: they are counted against what the workers say they wrote."""
    rows = (folder / "attempts.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    meta = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    meta["workers"] = [{**meta["workers"][0], "rows": len(rows) - 1}]
    (folder / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    assert build(folder).verdict != "invalid"
    (folder / "attempts.csv").write_text("".join(rows[:-5]), encoding="utf-8")
    report = build(folder)
    said = f"the workers wrote {len(rows) - 1:,} rows, {len(rows) - 6:,} are here"
    assert (report.verdict, said in report.headline) == ("invalid", True)


def test_many_broken_lines_make_a_run_invalid(folder: Path) -> None:
    """One torn line changes no figure; of a tenth of all nobody knows what they would have shown."""
    lines = (folder / "attempts.csv").read_text().splitlines(keepends=True)
    (folder / "attempts.csv").write_text(
        "".join(line[:40] + "\n" if i % 10 == 9 else line for i, line in enumerate(lines))
    )
    reasons = build(folder).validity.reasons
    assert [reason for reason in reasons if "lines of attempts cannot be read" in reason] == [
        "7 of 75 lines of attempts cannot be read"
    ]


def test_turns_that_are_numbered_in_their_conversation(folder: Path) -> None:
    """A turn_id need be unique in its conversation only, and a row without one is a turn of its own."""
    expected = build(folder)
    frame = pd.read_csv(folder / "attempts.csv", dtype="str", keep_default_na=False)
    named = frame["turn_id"].copy()
    frame["turn_id"] = named.groupby(frame["conversation_id"]).transform(lambda ids: pd.factorize(ids)[0].astype(str))
    frame.to_csv(folder / "attempts.csv", index=False)
    assert expected.groups == build(folder).groups
    frame["turn_id"] = ""
    frame.to_csv(folder / "attempts.csv", index=False)
    assert sum(group.attempts for group in expected.groups) == sum(group.turns for group in build(folder).groups)


def test_stamps_out_of_order_are_said(folder: Path) -> None:
    """A turn whose first token comes before it was sent has no TTFT, and the notes count it."""
    frame = pd.read_csv(folder / "attempts.csv", dtype="str", keep_default_na=False)
    steady = frame.index[frame["phase"] == "steady"]
    frame.loc[steady[:3], "first_token_s"] = "-5"
    frame.to_csv(folder / "attempts.csv", index=False)
    expected = "small: 3 of 60 answered turns have no ttft, for their stamps are missing or out of order"
    assert expected in build(folder).notes


def test_turns_are_believed_where_run_json_misplaces_their_phase(folder: Path) -> None:
    """A steady phase that is a fraction of its turns' time would multiply every rate."""
    expected = steady_of(folder)
    meta = json.loads((folder / "run.json").read_text())
    for phase in meta["phases"]:
        if phase["phase"] == "steady":
            phase["end_s"] = phase["start_s"] + 1
    (folder / "run.json").write_text(json.dumps(meta))
    found = steady_of(folder)
    assert found.rates["turns_per_second"] == pytest.approx(expected.rates["turns_per_second"], rel=0.1)


def steady_of(folder: Path) -> Group:
    """Give the only steady group."""
    return next(group for group in build(folder).groups if group.phase == "steady")
