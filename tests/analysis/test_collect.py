"""A run folder made anew from what workers kept."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from analysis.rows.collect import collect
from scenarios import gaps
from scenarios.errors import TailgateError
from scenarios.records import Attempt, to_row, write_header
from scenarios.server_timings import ServerTimings, header_line, to_line

STEADY = {"endpoint": "e", "arm": "", "phase": "steady", "start_s": 1.0, "end_s": 9.0}


def lines(worker: str, numbers: range, run_id: str = "run") -> str:
    """Give the text of a file of rows."""
    text = io.StringIO()
    write_header(text)
    writer = csv.writer(text, lineterminator="\n")
    for seq in numbers:
        writer.writerow(to_row(Attempt(run_id, worker, seq, "u", "c", f"t{seq}", "case", "e", "", "steady", 1, 2.0)))
    return text.getvalue()


def document(worker: str = "", **facts: Any) -> dict[str, Any]:
    """Give a worker's own run.json, or without a name a master's that never ended."""
    known = {"worker": worker, "host": "h", "rows": 4, "rows_lost": 0}
    own = {
        "gaps": [["run", worker, "e", "", "steady", "0", "10", "1", "0", "x", "chat", "0-31"]],
        "answers": [{"worker": worker}],
    }
    return {
        "run_id": "run",
        "ended_at": "2026-01-01T00:00:00+00:00" if worker else None,
        "interrupted": True,
        "phases": [STEADY],
        "workers": [known] if worker else [],
        "validity": {"verdict": "valid", "reasons": []},
        **(own if worker else {}),
        **facts,
    }


def keep(folder: Path, worker: str, numbers: range, **facts: Any) -> Path:
    """Write a worker's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"attempts-{worker}.csv").write_text(lines(worker, numbers), encoding="utf-8")
    (folder / f"run-{worker}.json").write_text(json.dumps(document(worker, **facts)), encoding="utf-8")
    return folder


def seqs(folder: Path) -> list[tuple[str, int]]:
    """Read worker and number of each row."""
    with (folder / "attempts.csv").open(encoding="utf-8", newline="") as file:
        return [(row["worker"], int(row["seq"])) for row in csv.DictReader(file)]


def read(folder: Path) -> dict[str, Any]:
    """Read run.json."""
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found


def test_each_row_is_taken_once(tmp_path: Path) -> None:
    """Rows that the master has too, and folders given twice, add nothing; what it lacked is there."""
    master = tmp_path / "master"
    master.mkdir()
    (master / "attempts.csv").write_text(lines("w0", range(1, 3)), encoding="utf-8")
    (master / "run.json").write_text(json.dumps(document()), encoding="utf-8")
    folders = [master, *(keep(tmp_path / worker, worker, range(1, 5)) for worker in ("w0", "w1"))]
    made = collect([*folders, folders[1]], tmp_path / "results")
    expected = {(worker, seq) for worker in ("w0", "w1") for seq in range(1, 5)}
    assert (made.rows, made.torn, set(seqs(made.folder))) == ({"w0": 4, "w1": 4}, 0, expected)
    assert len(seqs(made.folder)) == 8
    merged = read(made.folder)
    assert (merged["phases"], merged["ended_at"] is None, "gaps" in merged) == ([STEADY], False, False)
    assert [(each["worker"], each["rows"], each["rows_lost"]) for each in merged["workers"]] == [
        ("w0", 4, 0),
        ("w1", 4, 0),
    ]
    assert len((made.folder / "gaps.csv").read_text().splitlines()) == 3
    assert len((made.folder / "answers.jsonl").read_text().splitlines()) == 2


def test_gaps_of_old_have_neither_kind_nor_length_class(tmp_path: Path) -> None:
    """What lacks the latest columns, in a worker's own file or a master's, is taken with these empty; no torn line."""
    old = ["run", "w1", "e", "", "steady", "0", "10", "1", "0", "y"]
    folders = [keep(tmp_path / "w0", "w0", range(1, 3)), keep(tmp_path / "w1", "w1", range(1, 3), gaps=[old])]
    (folders[0] / "run.json").write_text(json.dumps(document()), encoding="utf-8")
    rows = [gaps.COLUMNS[:10], [*old[:1], "w1", *old[2:9], "not this one"], [*old[:1], "w2", *old[2:]], old[:9]]
    (folders[0] / "gaps.csv").write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    with (collect(folders, tmp_path / "results").folder / "gaps.csv").open(encoding="utf-8", newline="") as file:
        header, *found = csv.reader(file)
    assert (tuple(header), sorted((row[1], *row[9:]) for row in found)) == (
        gaps.COLUMNS,
        [("w0", "x", "chat", "0-31"), ("w1", "y", "", ""), ("w2", "y", "", "")],
    )


def test_gaps_of_a_killed_worker_are_collected(tmp_path: Path) -> None:
    """What a worker summed up counts; of a killed one what its own file holds does, whole lines once."""
    one, two = keep(tmp_path / "one", "w1", range(1, 3)), keep(tmp_path / "two", "w2", range(1, 3), gaps=[])
    kept = [f"run,w2,e,,steady,{start},10,1,0,x,chat,0-31" for start in "012"]
    text = "\n".join([",".join(gaps.COLUMNS), *kept])
    (two / "gaps-w2.csv").write_text(text[:-12], encoding="utf-8")
    made = collect([one, two, two], tmp_path / "results").folder
    with (made / "gaps.csv").open(encoding="utf-8", newline="") as file:
        found = [(row["worker"], row["window_start_s"]) for row in csv.DictReader(file)]
    assert found == [("w1", "0"), ("w2", "0"), ("w2", "1")]


def test_what_servers_told_is_taken_once(tmp_path: Path) -> None:
    """Lines that the master has too add nothing; where no server told anything there is no such file."""
    silent = collect([keep(tmp_path / "silent", "w0", range(1, 3))], tmp_path / "results").folder
    master, one = tmp_path / "master", keep(tmp_path / "w0", "w0", range(1, 5))
    master.mkdir()
    (master / "run.json").write_text(json.dumps(document()), encoding="utf-8")
    told = [to_line("run", "w0", seq, ServerTimings("groq", total_s=seq / 4)) for seq in range(1, 5)]
    (master / "server_timings.csv").write_text("".join([header_line(), *told[:2]]), encoding="utf-8")
    (one / "server_timings-w0.csv").write_text("".join([header_line(), *told])[:-1], encoding="utf-8")
    made = collect([master, one, one], tmp_path / "results")
    assert (silent / "server_timings.csv").exists() is False
    assert (made.folder / "server_timings.csv").read_text().splitlines(keepends=True) == [header_line(), *told[:3]]
    assert made.torn == 2  # the file was given twice


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    """The last line of a worker that was killed while it wrote is not taken for a row, even if it looks like one."""
    folder = keep(tmp_path / "w0", "w0", range(1, 4))
    path = folder / "attempts-w0.csv"
    path.write_text(path.read_text()[:-1], encoding="utf-8")
    made = collect([folder], tmp_path / "results")
    assert (made.rows, made.torn, read(made.folder)["workers"][0]["rows_lost"]) == ({"w0": 2}, 1, 2)


def test_a_killed_worker_is_named(tmp_path: Path) -> None:
    """A worker that never summed itself up makes the run invalid; how many rows it took along is unknown, not 0."""
    folder = keep(tmp_path / "w0", "w0", range(1, 4), workers=[], ended_at=None)
    merged = read(collect([folder], tmp_path / "results").folder)
    assert merged["validity"]["reasons"] == ["worker w0 was killed: its last rows and its health are unknown"]
    assert (merged["workers"][0]["rows"], merged["workers"][0]["rows_lost"]) == (3, None)


def test_two_runs_are_not_mixed(tmp_path: Path) -> None:
    """Folders of different runs are refused by name; so is a folder without anything, and one that is not there."""
    one = keep(tmp_path / "w0", "w0", range(1, 4))
    other = keep(tmp_path / "w1", "w1", range(1, 4), run_id="other")
    empty = tmp_path / "empty"
    empty.mkdir()
    for folders, message in (
        ([one, other], r"of 2 runs \(other, run\)"),
        ([empty], "nothing to go by"),
        ([tmp_path / "none"], "no such folder"),
    ):
        with pytest.raises(TailgateError, match=message):
            collect(folders, tmp_path / "results")


def test_answers_of_a_killed_worker_are_collected(tmp_path: Path) -> None:
    """What a worker told counts; of a killed one its own file does, whole lines once."""
    one, two = keep(tmp_path / "one", "w1", range(1, 5)), keep(tmp_path / "two", "w2", range(1, 5), answers=[])
    kept = [json.dumps({"worker": "w2", "turn_id": f"t{number}"}) for number in (1, 2, 2)]
    (two / "answers-w2.jsonl").write_text("\n".join(kept) + '\n{"worker": "w2", "turn', encoding="utf-8")
    found = (collect([one, two], tmp_path / "results").folder / "answers.jsonl").read_text(encoding="utf-8")
    turns = [(answer["worker"], answer.get("turn_id")) for answer in map(json.loads, found.splitlines())]
    assert turns == [("w1", None), ("w2", "t1"), ("w2", "t2")]
