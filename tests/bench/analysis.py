"""Report speed: ten million attempts to report.json on one core, beside DuckDB doing the same quantiles.

`python -m bench.analysis [--shape NAME] [--rows N] [--folder RUN]` prints a table; rows are made once, outside of what
is measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.analysis_rows import Size, write_run
from bench.figures import Figure

ROWS = 10_000_000
BENCH_ROWS = 1_000_000
LIMIT_S, LIMIT_MB = 60.0, 2000.0

SHAPES = {
    "two": Size(),
    "one": Size(endpoints=1),
    "throttled": Size(throttled=0.3, refusals=4),
    "graded": Size(graded=True),
    "lanes": Size(endpoints=10, arms=2),
    "long": Size(long=True),
    "told": Size(told=True),
    "worst": Size(endpoints=1, graded=True, long=True, told=True),
}
"""Runs by what is unusual in them; `two` endpoints are the usual one."""

CHILD = """
import json, os, pathlib, resource, sys, time
os.sched_setaffinity(0, {int(sys.argv[2])})
began_s = time.monotonic()
WORK
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"wall_s": time.monotonic() - began_s, "cpu_s": used.ru_utime + used.ru_stime,
    "peak_mb": used.ru_maxrss * 1024 / 1e6}))
"""

REPORT = """
from analysis.report import build
folder = pathlib.Path(sys.argv[1])
(folder / "report.json").write_text(build(folder).model_dump_json(indent=1), encoding="utf-8")
"""

STAMPS = (
    *("endpoint", "phase", "outcome", "intended_s", "sent_s", "first_token_s", "first_output_s", "last_token_s"),
    *("end_s", "output_tokens", "waited_s"),
)
METRICS = (
    *("last_token_s - intended_s", "end_s - sent_s", "first_token_s - sent_s", "first_output_s - sent_s"),
    *("(last_token_s - first_token_s) / nullif(output_tokens - 1, 0)", "sent_s - intended_s", "waited_s"),
    "output_tokens / nullif(last_token_s - sent_s, 0)",
)
QUERY = f"""
SELECT endpoint, phase, {", ".join(f"quantile_cont({metric}, [0.5, 0.9, 0.95, 0.99, 0.999])" for metric in METRICS)}
FROM (
    SELECT {", ".join(f"max_by({name}, attempt_no) AS {name}" for name in STAMPS)}
    FROM read_csv(?, header = true) GROUP BY worker, turn_id
) WHERE outcome IN ('ok', 'ok_length') GROUP BY endpoint, phase
"""  # noqa: S608 - of names above
DUCKDB = f"""
import duckdb
db = duckdb.connect()
db.execute("SET threads = 1")
db.execute({QUERY!r}, [sys.argv[1] + "/attempts.csv"]).fetchall()
"""


@dataclass(frozen=True, slots=True)
class Speed:
    """What one program took for the rows of one folder, on one core."""

    name: str
    rows: int
    wall_s: float
    cpu_s: float
    peak_mb: float


def measure(folder: Path, rows: int, core: int) -> list[Speed]:
    """Run each program in a process of its own. DuckDB is left out where it is not installed."""
    programs = {"tailgate report, every figure": REPORT}
    if importlib.util.find_spec("duckdb"):
        programs["DuckDB, the quantiles alone"] = DUCKDB
    return [Speed(name, rows, **_run(work, folder, core)) for name, work in programs.items()]


def _run(work: str, folder: Path, core: int) -> dict[str, float]:
    command = [sys.executable, "-c", CHILD.replace("WORK", work), str(folder), str(core)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-800:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def speeds(core: int) -> list[Speed]:
    """Make the rows of `make bench` and measure."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name) / "run"
        rows = write_run(folder, Size(rows=BENCH_ROWS))
        return measure(folder, rows, core)


def figures(found: list[Speed]) -> list[Figure]:
    """Give speed and memory. Their targets are those of ten million rows, on which a start weighs less."""
    shown = []
    for speed in found:
        own = speed.name.startswith("tailgate") and speed.rows > 0.9 * ROWS
        shown += [
            Figure(f"{speed.name}: {speed.rows:,} attempts", speed.rows / speed.cpu_s, "1/CPU-s",
                   ROWS / LIMIT_S if own else None, ">=", f"{speed.wall_s:.0f} s on the clock"),
            Figure("… peak memory", speed.peak_mb, "MB", LIMIT_MB if own else None),
        ]  # fmt: skip
    return shown


def main() -> None:
    """Print the table alone."""
    parser = argparse.ArgumentParser(prog="python -m bench.analysis", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--shape", choices=SHAPES, default="two", help="what the rows are like")
    parser.add_argument("--folder", type=Path, help="a run folder that is already there")
    options = parser.parse_args()
    core = min(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = options.folder or Path(name) / "run"
        rows = options.rows if options.folder else write_run(folder, replace(SHAPES[options.shape], rows=options.rows))
        print(f"{'':<32} {'rows':>12} {'seconds':>9} {'CPU-s':>9} {'peak MB':>9}")  # noqa: T201 - a benchmark prints
        for speed in measure(folder, rows, core):
            values = asdict(speed)
            print("{name:<32} {rows:>12,} {wall_s:>9.1f} {cpu_s:>9.1f} {peak_mb:>9,.0f}".format(**values))  # noqa: T201


if __name__ == "__main__":
    main()
