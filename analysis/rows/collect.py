"""A run folder made anew from what workers, and perhaps their master, kept on their own disks."""

from __future__ import annotations

import csv
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.rows.folder import new_folder
from scenarios import gaps, server_timings
from scenarios.errors import TailgateError
from scenarios.records import COLUMNS


@dataclass(slots=True)
class Collected:
    """The folder that was made, its rows by worker, and the lines that were torn."""

    folder: Path
    rows: dict[str, int]
    torn: int


@dataclass(slots=True)
class Rows:
    """Which rows of a kind of file there are already, by worker: one byte for each number."""

    columns: tuple[str, ...] = COLUMNS
    seen: defaultdict[str, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    torn: int = 0
    _run: int = field(init=False)
    _worker: int = field(init=False)
    _seq: int = field(init=False)

    def __post_init__(self) -> None:
        self._run, self._worker, self._seq = map(self.columns.index, ("run_id", "worker", "seq"))

    def is_new(self, row: Sequence[str]) -> bool:
        """Tell whether a row is whole and was not there yet."""
        if len(row) != len(self.columns) or not row[self._seq].isdecimal():
            self.torn += 1
            return False
        seen, number = self.seen[row[self._worker]], int(row[self._seq])
        if number >= len(seen):
            seen.extend(bytes(number + 1024 - len(seen)))
        is_new, seen[number] = not seen[number], 1
        return is_new

    def run(self, row: Sequence[str]) -> str:
        """Give the run that a row is of."""
        return row[self._run]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows of each worker there are."""
        return {worker: sum(seen) for worker, seen in sorted(self.seen.items())}


def collect(folders: Sequence[Path], results: Path) -> Collected:
    """Merge the rows by (worker, seq), and what is known of the run; nothing in `folders` is touched.

    Raises TailgateError when they hold no rows, or those of several runs.
    """
    found = [document for folder in folders for document in _documents(folder)]
    documents = list({json.dumps(document, sort_keys=True): document for document in found}.values())
    run_id = _one_run(folders, documents)
    target = new_folder(results, f"{run_id}-collected")
    rows, told = Rows(), Rows(server_timings.COLUMNS)
    _merge_rows(_files(folders, "attempts*.csv"), run_id, target / "attempts.csv", rows)
    if files := _files(folders, f"{Path(server_timings.FILE).stem}*.csv"):
        _merge_rows(files, run_id, target / server_timings.FILE, told)
    masters = [document for document in documents if "gaps" not in document]
    of_workers = [document for document in documents if "gaps" in document]
    _write_gaps(target / "gaps.csv", folders, of_workers)
    _write_answers(target / "answers.jsonl", folders, of_workers)
    for truth in (folder / "truth.csv" for folder in folders):
        if truth.is_file():
            shutil.copyfile(truth, target / truth.name)
    merged = merge_documents(masters, of_workers, rows.counts)
    (target / "run.json").write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Collected(target, rows.counts, rows.torn + told.torn)


def merge_documents(
    masters: Sequence[Mapping[str, Any]], of_workers: Sequence[Mapping[str, Any]], rows: Mapping[str, int]
) -> dict[str, Any]:
    """Give one run.json: the master's where there is one, with the workers' own words on themselves.

    Each worker's `rows` are those found; what it made beyond them is lost. A reason against validity stays one.
    """
    every = [*of_workers, *masters]
    merged = {key: value for key, value in every[-1].items() if key not in ("gaps", "answers")}
    phases = {(span["endpoint"], span["arm"], span["phase"]): span for each in every for span in each["phases"]}
    known = {worker["worker"]: worker for each in [*masters, *of_workers] for worker in each["workers"]}
    absences = {worker["worker"]: worker.get("absences", []) for each in masters for worker in each["workers"]}
    ends = [each["ended_at"] for each in every if each.get("ended_at")]
    silent = sorted(set(rows) - set(known))
    reasons = [
        *dict.fromkeys(reason for each in every for reason in each["validity"]["reasons"]),
        *(f"worker {worker} was killed: its last rows and its health are unknown" for worker in silent),
    ]
    return merged | {
        "phases": sorted(phases.values(), key=lambda span: (span["start_s"], span["end_s"])),
        "workers": [_worker(name, known.get(name, {}), rows, absences) for name in sorted({*rows, *known})],
        "ended_at": max(ends, default=None),
        "interrupted": all(each["interrupted"] for each in every),
        "validity": {"verdict": "invalid" if reasons else "valid", "reasons": reasons},
        "notes": [*merged.get("notes", []), "the rows were collected from the workers' own files"],
    }


def _worker(
    name: str, known: Mapping[str, Any], rows: Mapping[str, int], absences: Mapping[str, list[Any]]
) -> dict[str, Any]:
    found = rows.get(name, 0)
    made = known.get("rows", 0) + (known.get("rows_lost") or 0)
    lost = max(made - found, 0) if known else None
    return {**known, "worker": name, "rows": found, "rows_lost": lost, "absences": absences.get(name, [])}


def _documents(folder: Path) -> Iterator[dict[str, Any]]:
    if not folder.is_dir():
        raise TailgateError(f"{folder}: no such folder; give the folders that the workers named when they ended")
    for path in sorted([*folder.glob("run-*.json"), *folder.glob("run.json")], key=lambda path: path.stat().st_mtime):
        try:
            yield json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise TailgateError(f"{path}: is not JSON (line {error.lineno}: {error.msg})") from None


def by_run(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Give the folders of each run, by its id. Raises TailgateError."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        found.setdefault(_one_run([folder], list(_documents(folder))), []).append(folder)
    return found


def _one_run(folders: Sequence[Path], documents: Sequence[Mapping[str, Any]]) -> str:
    runs = {str(document["run_id"]) for document in documents}
    if not runs:
        names = ", ".join(map(str, folders))
        raise TailgateError(f"{names}: no run-*.json of a worker and no run.json: nothing to go by")
    if len(runs) > 1:
        raise TailgateError(
            f"the folders are of {len(runs)} runs ({', '.join(sorted(runs))}): give those of one, or --merge where "
            "several masters loaded the same endpoints at the same time"
        )
    return runs.pop()


def _files(folders: Sequence[Path], pattern: str) -> list[Path]:
    return [path for folder in folders for path in sorted(folder.glob(pattern))]


def _merge_rows(files: Sequence[Path], run_id: str, target: Path, rows: Rows) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows.columns)
        for path in files:
            for row in _whole_rows(path, rows):
                if rows.is_new(row):
                    if (own := rows.run(row)) != run_id:
                        raise TailgateError(f"{path}: holds rows of run {own}, the others are of {run_id}")
                    writer.writerow(row)


def _whole_rows(path: Path, rows: Rows) -> Iterator[list[str]]:
    """Give the rows of a file; the last one only if it ends in a new line."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        if tuple(next(csv.reader(file), ())) != rows.columns:
            kind = path.name.partition("-")[0].removesuffix(".csv")
            raise TailgateError(f"{path}: its columns are not those of this Tailgate's {kind}.csv")
        yield from csv.reader(_ended_lines(file, rows))


def _ended_lines(lines: Iterator[str], rows: Rows) -> Iterator[str]:
    for line in lines:
        if line.endswith("\n"):
            yield line
        else:
            rows.torn += 1


def _write_gaps(target: Path, folders: Sequence[Path], of_workers: Sequence[Mapping[str, Any]]) -> None:
    """Write what workers summed up, and of the others what their master has or they had kept until they were killed.

    Rows of old lack the latest columns.
    """
    own = [row + [""] * (len(gaps.COLUMNS) - len(row)) for document in of_workers for row in document["gaps"]]
    told = {row[1] for row in own}
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, gaps.COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        csv.writer(file, lineterminator="\n").writerows(own)
        for folder in folders:
            for path in (folder / target.name, *sorted(folder.glob("gaps-*.csv"))):
                rows = [row for row in _read_gaps(path) if row["worker"] not in told]
                writer.writerows(rows)
                told |= {row["worker"] for row in rows}


def _read_gaps(path: Path) -> Iterator[dict[str, str]]:
    """Give the whole rows of a gaps.csv, if there is one."""
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            yield from (row for row in csv.DictReader(file) if None not in row and None not in row.values())


def _write_answers(target: Path, folders: Sequence[Path], of_workers: Sequence[Mapping[str, Any]]) -> None:
    """Write each turn's answer once: what workers and master kept, and what killed workers had kept so far."""
    own = {_turn(answer): answer for document in of_workers for answer in document["answers"]}
    for path in (path for folder in folders for path in sorted(folder.glob("answers*.jsonl"))):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
            if line.endswith("\n"):
                answer = json.loads(line)
                own.setdefault(_turn(answer), answer)
    with target.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(answer, ensure_ascii=False) + "\n" for answer in own.values())


def _turn(answer: Mapping[str, Any]) -> tuple[str, str]:
    return answer["worker"], answer.get("turn_id", "")
