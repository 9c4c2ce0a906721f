"""One run out of several masters' runs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from analysis.report import build
from analysis.rows.together import collect_several
from scenarios import gaps
from scenarios.errors import TailgateError
from scenarios.records import SCHEMA_VERSION, Attempt, Outcome, to_row, write_header
from scenarios.scenario import Scenario
from scenarios.server_timings import ServerTimings, header_line, to_line

EPOCH_S = 1_790_000_000.0
NAMED = ("worker", "window_start_s", "phase", "kind", "length_class")
BOUNDS = (("warm_up", 0.0, 10.0), ("steady", 10.0, 70.0), ("drain", 70.0, 72.0))


def scenario(**traffic: Any) -> dict[str, Any]:
    """Give a scenario as run.json holds it."""
    document = {"name": "big", "endpoints": {"e": {"url": "http://e/v1", "model": "m"}}, "traffic": traffic}
    return Scenario.from_document(document).to_document()


def rows_of(run_id: str) -> str:
    """Give the text of attempts.csv: a turn each second, 0.5 s long."""
    text = io.StringIO()
    write_header(text)
    writer = csv.writer(text, lineterminator="\n")
    for seq in range(1, 71):
        at = float(seq)
        phase = next(phase for phase, start_s, end_s in BOUNDS if start_s <= at < end_s)
        names = f"w0-e-1-c{seq}", f"w0-e-1-t{seq}", "case", "e", "", phase
        stamps = at, at, at + 0.1, at + 0.2, at + 0.2, at + 0.5, at + 0.5
        row = Attempt(run_id, "w0", seq, "w0-e-1", *names, 1, *stamps, Outcome.OK, 200, output_tokens=9)
        writer.writerow(to_row(row))
    return text.getvalue()


def a_run(folder: Path, run_id: str, later_s: float, **facts: Any) -> Path:
    """Write the folder of a run that began `later_s` after the first."""
    folder.mkdir()
    (folder / "attempts.csv").write_text(rows_of(run_id), encoding="utf-8")
    told = to_line(run_id, "w0", 20, ServerTimings("groq", total_s=0.25))
    (folder / "server_timings.csv").write_text(header_line() + told, encoding="utf-8")
    own = [[run_id, "w0", "e", "", "steady", start, "10", "1", "0", "x", "chat", "0-31"] for start in ("10", "60")]
    text = "".join(",".join(row) + "\n" for row in [gaps.COLUMNS, *own])
    (folder / "gaps.csv").write_text(text, encoding="utf-8")
    (folder / "answers.jsonl").write_text(json.dumps({"worker": "w0", "turn_id": "w0-e-1-t3"}) + "\n", encoding="utf-8")
    absence = {"why": "left", "from_s": 68.0, "to_s": None, "moved_s": 68.5, "users": 1, "all_users": 5, "share": 0.2}
    worker = {"worker": "w0", "host": "h", "rows": 70, "rows_lost": 0, "absences": [absence], "pauses": [[1.0, 2.0]]}
    document = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "name": "big",
        "started_at": f"2026-01-01T00:00:{later_s:02.0f}+00:00",
        "ended_at": f"2026-01-01T00:02:{later_s:02.0f}+00:00",
        "interrupted": False,
        "epoch_unix_s": EPOCH_S + later_s,
        "scenario": scenario(users=5),
        "phases": [
            {"endpoint": "e", "arm": "", "phase": phase, "start_s": start_s, "end_s": end_s}
            for phase, start_s, end_s in BOUNDS
        ],
        "workers": [worker],
        "validity": {"verdict": "valid", "reasons": []},
        "disturbed": [{"worker": "w0", "start_s": 30.0, "end_s": 36.0, "told": "w0 was lost"}],
        "users": {"e": 5},
        "endpoint_stops": {},
        "strangers": 1,
        "notes": [],
        **facts,
    }
    (folder / "run.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def two(tmp_path: Path, later_s: float = 8.0, run_id: str = "run-b", **facts: Any) -> Path:
    """Put two runs together; give the folder."""
    runs = [a_run(tmp_path / "a", "run-a", 0.0), a_run(tmp_path / "b", run_id, later_s, **facts)]
    return collect_several(runs, tmp_path / "results").folder


def test_rows_of_all_masters_are_there_once_in_one_time(tmp_path: Path) -> None:
    """Both call their workers, users and turns alike: each keeps its own, with its master's mark; times are moved."""
    folder = two(tmp_path)
    with (folder / "attempts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({(row["worker"], row["seq"]) for row in rows}) == len({row["turn_id"] for row in rows}) == 140
    assert {row["user_id"] for row in rows} == {"m1-w0-e-1", "m2-w0-e-1"}
    assert {row["run_id"] for row in rows} == {folder.name} == {"run-a-merged"}
    with (folder / "server_timings.csv").open(encoding="utf-8", newline="") as file:
        told = [(row["run_id"], row["worker"], row["seq"], row["total_s"]) for row in csv.DictReader(file)]
    assert told == [(folder.name, f"m{master}-w0", "20", "0.250000") for master in (1, 2)]
    (third,) = (row for row in rows if row["turn_id"] == "m2-w0-e-1-t3")
    assert (third["intended_s"], third["first_token_s"], third["waited_s"]) == ("11.000000", "11.200000", "")


def test_steady_is_when_all_are(tmp_path: Path) -> None:
    """What one master alone did before or after is warm-up or drain; gaps follow."""
    folder = two(tmp_path)
    document = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    spans = [(span["phase"], span["start_s"], span["end_s"]) for span in document["phases"]]
    assert spans == [("warm_up", 0.0, 18.0), ("steady", 18.0, 70.0), ("drain", 70.0, 80.0)]
    with (folder / "gaps.csv").open(encoding="utf-8", newline="") as file:
        rows = [tuple(row[name] for name in NAMED) for row in csv.DictReader(file)]
    assert rows == [
        ("m1-w0", "10.000000", "warm_up", "chat", "0-31"),
        ("m1-w0", "60.000000", "steady", "chat", "0-31"),
        ("m2-w0", "18.000000", "steady", "chat", "0-31"),
        ("m2-w0", "68.000000", "steady", "chat", "0-31"),
    ]
    (group,) = (group for group in build(folder).groups if group.phase == "steady")
    assert (group.turns + group.left_out_turns, group.users) == (52 + 52, 10)


def test_run_json_is_that_of_all(tmp_path: Path) -> None:
    """Workers, losses, users and strangers of all; a reason against one is one against the whole."""
    bad = {"verdict": "invalid", "reasons": ["worker w0 was slow"]}
    document = json.loads((two(tmp_path, validity=bad) / "run.json").read_text(encoding="utf-8"))
    told = [(each["worker"], each["absences"][0]["from_s"], each["pauses"]) for each in document["workers"]]
    assert told == [("m1-w0", 68.0, [[1.0, 2.0]]), ("m2-w0", 76.0, [[9.0, 10.0]])]
    assert [(each["worker"], each["start_s"]) for each in document["disturbed"]] == [("m1-w0", 30.0), ("m2-w0", 38.0)]
    assert (document["users"], document["strangers"], document["interrupted"]) == ({"e": 10}, 2, False)
    assert document["validity"] == {"verdict": "invalid", "reasons": ["m2: worker w0 was slow"]}
    assert document["ended_at"] == "2026-01-01T00:02:08+00:00"
    assert "m2 run-b (began at 8.0 s)" in document["notes"][-1]
    assert len((tmp_path / "results/run-a-merged/answers.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("later_s", "facts", "message"),
    [
        (90.0, {}, r"e was never steady in all runs at once \(10 to 70 s, 100 to 160 s"),
        (0.0, {"scenario": scenario(users=5, think_time="9s")}, "traffic of its scenario are not those of"),
        (0.0, {"run_id": "run-a"}, "the folders are of one run"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    tmp_path: Path, later_s: float, facts: dict[str, Any], message: str
) -> None:
    """Loads that never met, or differed, and a single run."""
    with pytest.raises(TailgateError, match=message):
        two(tmp_path, later_s, **facts)


def test_rounds_are_not_put_together(tmp_path: Path) -> None:
    """Their steady phases have pauses, which are not at the same time."""
    facts = {"scenario": scenario(users=5) | {"campaign": {"rounds": 2}}}
    runs = [a_run(tmp_path / name, f"run-{name}", 0.0, **facts) for name in "ab"]
    with pytest.raises(TailgateError, match=r"loaded in rounds \(campaign\.rounds\)"):
        collect_several(runs, tmp_path / "results")


def test_seed_and_users_may_differ(tmp_path: Path) -> None:
    """Masters share the users, and draw prompts of their own."""
    assert two(tmp_path, scenario=scenario(users=7) | {"seed": 8}).is_dir()
