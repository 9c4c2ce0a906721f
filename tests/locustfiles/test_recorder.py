"""Rows on disk as they are made."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import gevent

from locustfiles._recorder import FLUSH_INTERVAL_S, Recorder
from scenarios.records import COLUMNS, Attempt
from scenarios.server_timings import ServerTimings

ROOT = Path(__file__).parents[2]


def row(turn: int) -> Attempt:
    """Give the attempt of a turn."""
    return Attempt("run", "w0", 0, "u", "c", f"t{turn}", 'ca,"se', "it", "", "steady", 1, 0.5)


def read(path: Path) -> list[dict[str, str]]:
    """Read rows back."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_numbered_and_complete(tmp_path: Path) -> None:
    """Each row has the next number; the file has the header and every row once closed."""
    recorder = Recorder(tmp_path, "w7")
    for turn in range(5):
        recorder.append(row(turn))
    assert recorder.rows == 5
    recorder.close()
    rows = read(tmp_path / "attempts-w7.csv")
    seen = [entry["seq"] for entry in rows], [entry["turn_id"] for entry in rows], tuple(rows[0]), rows[0]["case_id"]
    assert seen == (list("12345"), [f"t{turn}" for turn in range(5)], COLUMNS, 'ca,"se')


def test_header_is_there_from_the_start(tmp_path: Path) -> None:
    """A run that dies at once leaves a readable file."""
    recorder = Recorder(tmp_path, "w0")
    text = recorder.path.read_text(encoding="utf-8")
    recorder.close()
    assert text == ",".join(COLUMNS) + "\n"


def test_rows_are_flushed_without_being_asked(tmp_path: Path) -> None:
    """A row is on disk soon after it was made, while the run goes on."""
    recorder = Recorder(tmp_path, "w0")
    recorder.append(row(1))
    gevent.sleep(FLUSH_INTERVAL_S * 1.5)
    rows = read(recorder.path)
    recorder.close()
    assert len(rows) == 1


def test_batches_join_up(tmp_path: Path) -> None:
    """Each batch says how many rows went before; an empty flush says nothing."""
    batches: list[tuple[int, int]] = []
    recorder = Recorder(tmp_path, "w0", lambda batch: batches.append((batch.first, batch.count)))
    for size in (2, 0, 3):
        for turn in range(size):
            recorder.append(row(turn))
        recorder.flush()
    recorder.append(row(9))
    recorder.close()
    assert batches == [(0, 2), (2, 3), (5, 1)]


def test_what_a_server_said_stands_in_a_file_beside(tmp_path: Path) -> None:
    """Each line names the row that it is of; where nothing was told there is neither line nor file."""
    silent, recorder = Recorder(tmp_path, "w0"), Recorder(tmp_path, "w1")
    for turn in range(4):
        silent.append(row(turn))
        recorder.append(row(turn), ServerTimings("groq", total_s=turn / 8) if turn % 2 else None)
        recorder.flush()
    silent.close()
    recorder.close()
    told = read(tmp_path / "server_timings-w1.csv")
    assert [(line["seq"], line["source"], line["total_s"], line["queue_s"]) for line in told] == [
        ("2", "groq", "0.125000", ""),
        ("4", "groq", "0.375000", ""),
    ]
    assert (silent.timings_paths, [path.name for path in recorder.timings_paths]) == ([], ["server_timings-w1.csv"])


KILLED = """
import sys
from pathlib import Path

import gevent

from locustfiles._recorder import Recorder
from scenarios.records import Attempt
from scenarios.server_timings import ServerTimings

recorder = Recorder(Path(sys.argv[1]), "w0")
for turn in range(10_000):
    recorder.append(Attempt("run", "w0", 0, "u", "c", f"t{turn}", "case", "it", "", "steady", 1, 0.5),
                    ServerTimings("groq", 0.5))
    if turn % 10 == 9:
        print(turn + 1, recorder._written, flush=True)
        gevent.sleep(0.01)
"""


def test_kill_costs_the_last_flush_only(tmp_path: Path) -> None:
    """After kill -9 every row that was flushed is whole, and what the server said of it is there.

    What is missing is less than a flush interval's.
    """
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        made = written = 0
        for line in child.stdout:
            made, written = map(int, line.split())
            if written > 0:
                break
        child.kill()
    rows = read(tmp_path / "attempts-w0.csv")
    numbers = [int(entry["seq"]) for entry in rows]
    assert (numbers == list(range(1, len(rows) + 1)), len(rows) >= written, made >= written) == (True, True, True)
    told = [int(line["seq"]) for line in read(tmp_path / "server_timings-w0.csv")]
    assert told[: len(numbers)] == numbers
    assert all(entry["turn_id"] == f"t{int(entry['seq']) - 1}" and entry["client_lag_s"] == "" for entry in rows)
