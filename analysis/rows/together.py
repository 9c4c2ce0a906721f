"""One run out of several masters' runs that loaded the same endpoints at the same time.

Each has an epoch of its own: times are moved to the earliest by the masters' wall clocks. Workers, users,
conversations and turns get the number of their master before their name (`m2-w0`), for all masters name alike. Only
while all were steady was the load what all of them make: that is the steady phase; the rest is warm-up or drain.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.rows.collect import Collected, by_run, collect
from analysis.rows.folder import new_folder
from scenarios import gaps, server_timings
from scenarios.errors import TailgateError
from scenarios.records import COLUMNS, write_header

STAMPS = ("intended_s", "sent_s", "headers_s", "first_token_s", "first_output_s", "last_token_s", "end_s")
NAMES = ("worker", "user_id", "conversation_id", "turn_id")
MASTERS_OWN = ("seed", "name")
"""Keys of a scenario that may differ; of `traffic`, `users` may."""

Lane = tuple[str, str]
Bounds = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Source:
    """One master's run: its folder and run.json, the mark before its names, and how much later its epoch is."""

    folder: Path
    document: Mapping[str, Any]
    mark: str
    later_s: float

    def named(self, name: str) -> str:
        """Give a name that no other master uses."""
        return f"{self.mark}-{name}" if name else ""

    def at(self, time_s: float) -> float:
        """Give a time of this run in the time of all."""
        return round(time_s + self.later_s, 6)


def collect_several(folders: Sequence[Path], results: Path) -> Collected:
    """Collect each run that the folders are of, and put them together. Raises TailgateError."""
    with tempfile.TemporaryDirectory(prefix="tailgate-") as scratch:
        runs = [collect(own, Path(scratch)) for own in by_run(folders).values()]
        if len(runs) < 2:
            raise TailgateError(
                "--merge: the folders are of one run: leave --merge out, or add another master's folders"
            )
        run_id = f"{min(run.folder.name for run in runs).removesuffix('-collected')}-merged"
        target = new_folder(results, run_id)
        rows = put_together([run.folder for run in runs], target, run_id)
    return Collected(target, rows, sum(run.torn for run in runs))


def put_together(folders: Sequence[Path], target: Path, run_id: str) -> dict[str, int]:
    """Write the one run into `target`; give how many rows each worker has. Raises TailgateError."""
    documents = [json.loads((folder / "run.json").read_text(encoding="utf-8")) for folder in folders]
    _refuse_different(folders, documents)
    epochs = [float(document["epoch_unix_s"]) for document in documents]
    sources = [
        Source(folder, document, f"m{number}", epoch_s - min(epochs))
        for number, (folder, document, epoch_s) in enumerate(zip(folders, documents, epochs, strict=True), start=1)
    ]
    steady = _common(sources)
    counts = _write_rows(target / "attempts.csv", sources, steady, run_id)
    _write_timings(target / server_timings.FILE, sources, run_id)
    _write_gaps(target / "gaps.csv", sources, steady, run_id)
    _write_answers(target / "answers.jsonl", sources)
    document = _document(sources, steady, run_id)
    (target / "run.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return counts


def _refuse_different(folders: Sequence[Path], documents: Sequence[Mapping[str, Any]]) -> None:
    loads = [_load(document["scenario"]) for document in documents]
    for folder, load in zip(folders, loads, strict=True):
        differing = sorted(key for key in {*load, *loads[0]} if load.get(key) != loads[0].get(key))
        if differing:
            raise TailgateError(
                f"{folder}: {', '.join(differing)} of its scenario are not those of {folders[0]}: only runs of one "
                "scenario make one run (its seed and traffic.users may differ)"
            )
    if documents[0]["scenario"].get("campaign", {}).get("rounds", 1) > 1:
        raise TailgateError(
            f"{folders[0]}: its endpoints were loaded in rounds (campaign.rounds), whose steady times do not make one: "
            "collect and report on each master's run by itself, or hold them together with tailgate matrix"
        )


def _load(scenario: Mapping[str, Any]) -> dict[str, Any]:
    traffic = {key: value for key, value in scenario["traffic"].items() if key != "users"}
    return {key: value for key, value in scenario.items() if key not in MASTERS_OWN} | {"traffic": traffic}


def _common(sources: Sequence[Source]) -> dict[Lane, Bounds]:
    """Give when all were steady, by endpoint and arm. Raises TailgateError where that was never."""
    found: dict[Lane, list[Bounds]] = {}
    for source in sources:
        for span in source.document["phases"]:
            if span["phase"] == "steady":
                bounds = source.at(span["start_s"]), source.at(span["end_s"])
                found.setdefault((span["endpoint"], span["arm"]), []).append(bounds)
    common = {lane: (max(start for start, _ in each), min(end for _, end in each)) for lane, each in found.items()}
    for (endpoint, arm), (start_s, end_s) in common.items():
        if start_s >= end_s or len(found[endpoint, arm]) < len(sources):
            told = ", ".join(f"{start:.0f} to {end:.0f} s" for start, end in found[endpoint, arm])
            raise TailgateError(
                f"{endpoint}{f' {arm}' if arm else ''} was never steady in all runs at once ({told}, after the start "
                "of the first): start the masters at the same time"
            )
    return common


def _phase(own: str, lane: Lane, at_s: float, steady: Mapping[Lane, Bounds]) -> str:
    if own != "steady" or lane not in steady:
        return own
    start_s, end_s = steady[lane]
    return "warm_up" if at_s < start_s else "steady" if at_s < end_s else "drain"


def _write_rows(target: Path, sources: Sequence[Source], steady: Mapping[Lane, Bounds], run_id: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    with target.open("w", encoding="utf-8", newline="") as file:
        write_header(file)
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        for source in sources:
            for row in _read(source.folder / "attempts.csv"):
                for name in STAMPS:
                    row[name] = f"{source.at(float(row[name])):.6f}" if row[name] else ""
                row |= {name: source.named(row[name]) for name in NAMES}
                lane = row["endpoint"], row["arm"]
                row |= {"run_id": run_id, "phase": _phase(row["phase"], lane, float(row["intended_s"]), steady)}
                writer.writerow(row)
                counts[row["worker"]] += 1
    return dict(sorted(counts.items()))


def _write_timings(target: Path, sources: Sequence[Source], run_id: str) -> None:
    if not any((source.folder / target.name).is_file() for source in sources):
        return
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, server_timings.COLUMNS, lineterminator="\n")
        writer.writeheader()
        for source in sources:
            for row in _read(source.folder / target.name):
                writer.writerow(row | {"run_id": run_id, "worker": source.named(row["worker"])})


def _write_gaps(target: Path, sources: Sequence[Source], steady: Mapping[Lane, Bounds], run_id: str) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, gaps.COLUMNS, lineterminator="\n")
        writer.writeheader()
        for source in sources:
            for row in _read(source.folder / "gaps.csv"):
                start_s = source.at(float(row["window_start_s"]))
                phase = _phase(row["phase"], (row["endpoint"], row["arm"]), start_s, steady)
                worker = source.named(row["worker"])
                writer.writerow(
                    row | {"run_id": run_id, "worker": worker, "phase": phase, "window_start_s": f"{start_s:.6f}"}
                )


def _write_answers(target: Path, sources: Sequence[Source]) -> None:
    with target.open("w", encoding="utf-8") as file:
        for source in sources:
            path = source.folder / "answers.jsonl"
            for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
                answer = json.loads(line)
                answer |= {name: source.named(answer[name]) for name in NAMES if name in answer}
                file.write(json.dumps(answer, ensure_ascii=False) + "\n")


def _read(path: Path) -> Iterator[dict[str, str]]:
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def _document(sources: Sequence[Source], steady: Mapping[Lane, Bounds], run_id: str) -> dict[str, Any]:
    first = min(sources, key=lambda source: source.later_s).document
    ends = [source.document["ended_at"] for source in sources]
    reasons = [f"{each.mark}: {reason}" for each in sources for reason in each.document["validity"]["reasons"]]
    stops = {lane: reason for each in sources for lane, reason in each.document["endpoint_stops"].items()}
    users = [each.document.get("users", {}) for each in sources]
    masters = ", ".join(f"{each.mark} {each.document['run_id']} (began at {each.later_s:.1f} s)" for each in sources)
    return {
        **first,
        "run_id": run_id,
        "ended_at": None if None in ends else max(ends),
        "interrupted": any(each.document["interrupted"] for each in sources),
        "phases": list(_phases(sources, steady)),
        "workers": [_worker(each, worker) for each in sources for worker in each.document["workers"]],
        "disturbed": [_moved(each, stretch) for each in sources for stretch in each.document.get("disturbed", ())],
        "users": {lane: sum(counts.get(lane, 0) for counts in users) for lane in {*users[0]}.union(*users)},
        "strangers": sum(each.document.get("strangers", 0) for each in sources),
        "endpoint_stops": stops,
        "validity": {"verdict": "invalid" if reasons else "valid", "reasons": reasons},
        "notes": [
            *(f"{each.mark}: {note}" for each in sources for note in each.document.get("notes", ())),
            f"several masters' runs are put together, by the masters' wall clocks: {masters}",
        ],
    }


def _phases(sources: Sequence[Source], steady: Mapping[Lane, Bounds]) -> Iterator[dict[str, Any]]:
    """Give warm-up, the common steady phase, and drain of each lane, without a gap."""
    for (endpoint, arm), (start_s, end_s) in sorted(steady.items(), key=lambda each: each[1]):
        spans = [
            (each.at(span["start_s"]), each.at(span["end_s"]))
            for each in sources
            for span in each.document["phases"]
            if (span["endpoint"], span["arm"]) == (endpoint, arm)
        ]
        bounds = (min(start for start, _ in spans), start_s, end_s, max(end for _, end in spans))
        for phase, since_s, until_s in zip(("warm_up", "steady", "drain"), bounds, bounds[1:], strict=False):
            yield {"endpoint": endpoint, "arm": arm, "phase": phase, "start_s": since_s, "end_s": until_s}


def _worker(source: Source, worker: Mapping[str, Any]) -> dict[str, Any]:
    absences = [{**each, **_at(source, each, "from_s", "to_s", "moved_s")} for each in worker.get("absences", ())]
    pauses = [[source.at(moment_s) for moment_s in pause] for pause in worker.get("pauses", ())]
    return {**worker, "worker": source.named(worker["worker"]), "absences": absences, "pauses": pauses}


def _moved(source: Source, stretch: Mapping[str, Any]) -> dict[str, Any]:
    return {**stretch, **_at(source, stretch, "start_s", "end_s"), "worker": source.named(stretch["worker"])}


def _at(source: Source, facts: Mapping[str, Any], *names: str) -> dict[str, float]:
    return {name: source.at(facts[name]) for name in names if facts.get(name) is not None}
