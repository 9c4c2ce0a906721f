"""`history.csv`: one row per run, for trend tools; writing a run again replaces its row.

Each run folder holds its own row, with the header; `report --history CSV` and `dashboard` gather many into one file.
A results folder gets no file unasked, for there scripts look for the newest run.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from analysis.model import Estimate, Figure, Group, QualityRow, Report
from analysis.words.plaintext import clean
from scenarios.errors import TailgateError

NAME = "history.csv"
RUN = ("run_id", "name", "started_at", "verdict", "load_model", "turns")
LATENCIES = (
    *(("ttft", "ms", quantile) for quantile in ("p50", "p95", "p99")),
    *(("response_time", "ms", quantile) for quantile in ("p50", "p95", "p99")),
    ("service_time", "ms", "p95"),
)
COSTS = ("cost_per_1k_responses_usd",)
SHARES = ("throttled", "failed")
QUALITIES = ("accuracy", "hallucination", "policy_safe")


def record(report: Report, path: Path) -> None:
    """Put the report's row into the file, in the order of start.

    Columns that a run lacks are empty. Raises TailgateError when the file is not ours or cannot be written.
    """
    record_all([report], path)


def record_all(reports: Iterable[Report], path: Path) -> None:
    """Put many reports' rows into the file. Raises TailgateError."""
    rows = {entry["run_id"]: entry for entry in read(path)}
    rows |= {clean(report.run_id): row(report) for report in reports}
    ordered = sorted(rows.values(), key=lambda entry: (entry.get("started_at", ""), entry["run_id"]))
    columns = dict.fromkeys((*RUN, *(name for entry in ordered for name in entry)))
    _replace(path, ordered, list(columns))


def read(path: Path) -> list[dict[str, str]]:
    """Read the rows that there are, none where there is no file. Raises TailgateError when it is another's."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except IsADirectoryError:
        raise TailgateError(f"{path}: is a folder; name the CSV file to write, such as {path / NAME}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TailgateError(f"{path}: cannot be read ({error}); move it away, and it is made anew") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if "run_id" not in (reader.fieldnames or ()):
        raise TailgateError(f"{path}: has no column run_id, so it is not Tailgate's; move it away")
    known = [name for name in reader.fieldnames or () if name]
    return [{name: entry.get(name) or "" for name in known} for entry in reader if entry.get("run_id")]


def row(report: Report) -> dict[str, str]:
    """Give a report's row: the run, then each endpoint's steady figures such as `small.ttft_p95_low_ms`."""
    steady = [group for group in report.groups if group.phase == "steady"]
    found = {
        "run_id": clean(report.run_id),
        "name": clean(report.name),
        "started_at": clean(report.started_at),
        "verdict": report.verdict,
        "load_model": clean(report.load_model),
        "turns": str(sum(group.turns for group in steady)),
    }
    for group in steady:
        found |= {f"{_prefix(group)}.{name}": text for name, text in _figures(group)}
    for graded in report.quality.endpoints if report.quality else ():
        found |= {f"{_prefix(graded)}.{name}": text for name, text in _qualities(graded)}
    return {name: _inert(text) for name, text in found.items()}


def _prefix(of: Group | QualityRow) -> str:
    return clean(f"{of.endpoint}/{of.arm}" if of.arm else of.endpoint)


def _qualities(graded: QualityRow) -> Iterator[tuple[str, str]]:
    for name in QUALITIES:
        yield from _bounds(name, "share", graded.figures.get(name, graded.figures.get(f"{name}_share")))


def _figures(group: Group) -> Iterator[tuple[str, str]]:
    yield "turns", str(group.turns)
    for metric, unit, quantile in LATENCIES:
        yield from _bounds(f"{metric}_{quantile}", unit, group.metrics.get(f"{metric}_{unit}", {}).get(quantile))
    for name in COSTS:
        yield from _bounds(name.removesuffix("_usd"), "usd", group.cost.get(name))
    for name in SHARES:
        yield from _bounds(name, "share", group.shares.get(name))
    for name in ("turns_per_second", "output_tokens_per_second"):
        if name in group.rates:
            yield name, _number(group.rates[name])


def _bounds(stem: str, unit: str, figure: Figure | None) -> Iterator[tuple[str, str]]:
    """Give value, low and high; empty where there is none."""
    values: Mapping[str, float | None] = {"": None, "_low": None, "_high": None}
    if isinstance(figure, Estimate):
        values = {"": figure.value, "_low": figure.low, "_high": figure.high}
    for which, value in values.items():
        yield f"{stem}{which}_{unit}", "" if value is None else _number(value)


def _number(value: float) -> str:
    return f"{value:.9g}"


def _inert(text: str) -> str:
    """Keep a spreadsheet from running what stands in a name; numbers stay numbers."""
    try:
        float(text)
    except ValueError:
        return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
    return text


def _replace(path: Path, rows: list[dict[str, str]], columns: list[str]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(buffer.getvalue(), encoding="utf-8", newline="")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise TailgateError(f"{path}: cannot be written: {error.strerror or error}") from error
