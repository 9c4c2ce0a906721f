"""Row files that grow large, and disks that fill up."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from locustfiles import _recorder, _row_file
from locustfiles._crew import share
from locustfiles._recorder import Recorder
from scenarios.records import COLUMNS, Attempt

HEADER_BYTES = len(",".join(COLUMNS)) + 1


def attempt(number: int) -> Attempt:
    """Give the attempt of a turn."""
    return Attempt("run", "w0", 0, "u", "c", f"t{number}", "case", "e", "", "steady", 1, 0.5)


def turns(path: Path) -> list[str]:
    """Read the turns in a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row["turn_id"] for row in csv.DictReader(file)]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Give a function that says how many more bytes the disk takes."""
    left = [1 << 40]
    write = os.write

    def narrow(fd: int, data: bytes) -> int:
        if left[0] <= 0:
            raise OSError(28, "No space left on device")
        written = write(fd, data[: left[0]])
        left[0] -= written
        return written

    monkeypatch.setattr(_row_file.os, "write", narrow)
    return lambda size: left.__setitem__(0, size)


def test_files_are_rotated_and_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is large enough is followed by another with the header; together they are the run's rows."""
    monkeypatch.setattr(_row_file, "ROTATE_BYTES", 4000)
    recorder = Recorder(tmp_path, "w0")
    for number in range(300):
        recorder.append(attempt(number))
        recorder.flush()
    recorder.close()
    share(recorder.paths, tmp_path / "attempts.csv")
    expected = [f"t{number}" for number in range(300)]
    assert [path.name for path in recorder.paths[:3]] == [f"attempts-w0{part}.csv" for part in ("", "-2", "-3")]
    assert [turn for path in recorder.paths for turn in turns(path)] == turns(tmp_path / "attempts.csv") == expected


def test_a_full_disk_delays_rows(tmp_path: Path, room: Callable[[int], None]) -> None:
    """What finds no room is not written in part, waits in memory, and is written when there is room again."""
    recorder = Recorder(tmp_path, "w0")
    room(100)
    for number in range(250):
        recorder.append(attempt(number))
    recorder.flush()
    meanwhile = recorder.path.stat().st_size, recorder.disk_problem
    room(1 << 30)
    recorder.close()
    assert meanwhile == (HEADER_BYTES, "No space left on device")
    assert b"\0" not in recorder.path.read_bytes()
    assert (turns(recorder.path), recorder.rows_lost) == ([f"t{number}" for number in range(250)], 0)


def test_rows_beyond_memory_are_counted_as_lost(
    tmp_path: Path, room: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that stays full costs the oldest rows beyond a bound, and at the end all that still wait: by number."""
    monkeypatch.setattr(_recorder, "UNWRITTEN_BYTES", 20_000)
    recorder = Recorder(tmp_path, "w0")
    room(0)
    for number in range(1000):
        recorder.append(attempt(number))
    recorder.flush()
    held = sum(batch.size for batch in recorder._unwritten)
    recorder.close()
    assert (held <= 20_000, recorder.rows_lost, turns(recorder.path)) == (True, 1000, [])
