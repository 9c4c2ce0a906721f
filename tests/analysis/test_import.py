"""Import: plain Locust CSV files of any version, with what they cannot say said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from analysis.cli import app
from analysis.foreign.bucketed import quantile
from analysis.foreign.locust_csv import Row, bucket, read_failures, read_history, read_stats
from analysis.model import Estimate, Report
from analysis.report import build
from scenarios.errors import TailgateError

NEW = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%\n"
    "POST,/chat,10000,50,400,455.5,80.25,2900.5,900.0,50.0,0.25,400,490,560,610,780,960,1200,1400,2100,2700,2900\n"
    "GET,/models,40,0,5,5.1,2.0,12.0,90.0,0.2,0.0,5,5,6,6,8,9,11,12,12,12,12\n"
    ",Aggregated,10040,50,400,453.7,2.0,2900.5,896.8,50.2,0.25,390,490,560,610,780,960,1200,1400,2100,2700,2900\n"
)
OLD = (
    '"Type","Name","# requests","# failures","Median response time","Average response time","Min response time",'
    '"Max response time","Average Content Size","Requests/s","Requests Failed/s","50%","66%","75%","80%","90%","95%",'
    '"98%","99%","100%"\n'
    '"POST","/chat",10000,50,400,455,80,2900,900,50.0,0.25,400,490,560,610,780,960,1200,1400,2900\n'
    '"None","Aggregated",10000,50,400,455,80,2900,900,50.0,0.25,400,490,560,610,780,960,1200,1400,2900\n'
)
HISTORY_HEAD = "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,95%,Total Request Count,Total Failure Count\n"
PLAIN = "1790000000,0,,Aggregated,0.0,0.0,N/A,N/A,0,0\n1790000010,100,,Aggregated,50.0,0.25,400,960,10041,50\n"
FULL = PLAIN + "1790000000,0,POST,/chat,0,0,N/A,N/A,0,0\n1790000010,100,POST,/chat,50.0,0.25,410,970,10001,50\n"
FAILURES = "Method,Name,Error,Occurrences,First Seen,Last Seen\nPOST,/chat,HTTPError('429 Too Many'),50,x,y\n"
EXCEPTIONS = "Count,Message,Traceback,Nodes\n3,boom,trace,local\n"


def write(folder: Path, stats: str = NEW, history: str = PLAIN, **others: str) -> Path:
    """Write Locust's files; give their prefix."""
    folder.mkdir(exist_ok=True)
    texts = {"stats": stats, "stats_history": HISTORY_HEAD + history, **others}
    for name, text in texts.items():
        (folder / f"load_{name}.csv").write_text(text, encoding="utf-8")
    return folder / "load"


def imported(prefix: Path, *options: str) -> tuple[int, Report]:
    """Run the command; give its exit code and the report."""
    results = prefix.parent / "results"
    done = CliRunner().invoke(app, ["import", str(prefix), "--results", str(results), *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    (folder,) = results.iterdir()
    return done.exit_code, Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))


def figure(report: Report, name: str, group: int = 0) -> Estimate:
    """Give a percentile of a group."""
    found = report.groups[group].metrics["service_time_ms"][name]
    assert isinstance(found, Estimate)
    return found


def test_every_percentile_has_its_bucket_and_n(tmp_path: Path) -> None:
    """960 ms may be 955 to 965, 1,400 may be 1,350 to 1,450; the interval holds the bucket."""
    code, report = imported(write(tmp_path / "a"))
    assert (code, [group.endpoint for group in report.groups]) == (0, ["POST /chat", "GET /models"])
    p95, p99 = figure(report, "p95"), figure(report, "p99")
    assert ("955 to 965 ms (±0.5%)" in p95.method, "1350 to 1450 ms (±3.6%)" in p99.method) == (True, True)
    assert (p95.value, p95.n, p99.low <= 1350, p99.high >= 1450) == (960.0, 10_000, True, True)
    assert 780 < p95.low < 960 < p95.high < 1250


def test_few_requests_have_no_interval(tmp_path: Path) -> None:
    """The p95 of forty requests stands without an interval, and a line on it is inconclusive, never a pass."""
    _, report = imported(write(tmp_path / "a"), "--slo", "p95(service_time_ms) < 800")
    assert (figure(report, "p95", 1).low, {line.endpoint: line.verdict for line in report.slo}) == (
        None,
        {"POST /chat": "fail", "GET /models": "inconclusive"},
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("p95(service_time_ms) < 2s", 0),
        ("p95(service_time_ms) < 500", 3),
        ("p95(service_time_ms) < 970", 4),
        ("failed_share < 2%", 0),
        ("p99(ttft_ms) < 800", 4),
        ("p95(response_time_ms) < 2s", 4),
        ("cost_per_1k_responses_usd < 5", 4),
    ],
)
def test_gate(tmp_path: Path, line: str, code: int) -> None:
    """What the files allow is judged with its interval; what they do not hold is inconclusive."""
    only = "".join(part for part in NEW.splitlines(keepends=True) if "/models" not in part)
    assert imported(write(tmp_path / "a", only), "--slo", line)[0] == code


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """No TTFT, no cost; a stale last write, exceptions and 429s are named; no percentile since the start is drawn."""
    _, report = imported(write(tmp_path / "a", failures=FAILURES, exceptions=EXCEPTIONS))
    text = "\n".join(report.notes)
    for words in (
        "time to first token",
        "cost",
        "up to 4.8 % off",
        "it has 10,040 requests, the history 10,041",
        "3 exceptions",
        "50 failures look like a limit's",
        "since the start",
        "whether the load generator kept up",
    ):
        assert words in text, words
    assert (report.cost, report.plots.timelines) == ({"not_estimable": "Locust's CSV files hold no tokens"}, {})


def test_full_history_is_drawn(tmp_path: Path) -> None:
    """With rows by name, percentiles are of their time; N/A is a gap."""
    _, report = imported(write(tmp_path / "a", history=FULL))
    line = report.plots.timelines["POST /chat"]
    assert (line.offered, line.response_p50_ms, line.t_s) == ([0.0, 50.0], [None, 410.0], [0.0, 10.0])


def test_old_columns(tmp_path: Path) -> None:
    """Locust before 1.0 had other names, quoted, and no p99.9."""
    _, report = imported(write(tmp_path / "a", OLD))
    assert (report.groups[0].turns, figure(report, "p95").value) == (10_000, 960.0)
    assert "p99_9" in report.groups[0].metrics["service_time_ms"]


REAL = Path(__file__).parent / "locust_csv"
"""What Locust of these versions wrote in ten seconds, with a name of quotes, a comma and a line end."""


@pytest.mark.parametrize("version", sorted(path.name for path in REAL.iterdir()))
def test_real_files(tmp_path: Path, version: str) -> None:
    """Every request of a version's own files is in the report under its name, and no line is torn."""
    for path in (REAL / version).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    _, report = imported(tmp_path / "load", "--slo", "p95(service_time_ms) < 2s", "--slo", "failed_share < 50%")
    total = next(row for row in read_stats(tmp_path / "load_stats.csv", []) if row.is_total)
    names = {group.endpoint for group in report.groups}
    assert names == {"POST /chat", "GET /models", "GET =cmd|calc", 'POST say "hi", then\nbye'}
    assert sum(group.turns for group in report.groups) == total.requests
    failed = {line.endpoint: line.verdict for line in report.slo if line.line.startswith("failed")}
    assert (failed["GET =cmd|calc"], failed["POST /chat"]) == ("fail", "pass")
    notes = "\n".join(report.notes)
    assert ("torn" in notes, "look like a limit's (429)" in notes) == (False, True)


def test_open_lines_say_how_many_requests_they_need(tmp_path: Path) -> None:
    """The p95 of forty requests needs 360, and the next steps name no file that an import lacks."""
    _, report = imported(write(tmp_path / "a", failures=FAILURES), "--slo", "p95(service_time_ms) < 800")
    line = next(line for line in report.slo if line.endpoint == "GET /models")
    assert (line.needed_turns, "about 360 requests would tell" in line.sentence) == (360, True)
    assert "attempts.csv" not in "".join(report.next_steps)


def test_users_that_the_history_does_not_tell_are_unknown(tmp_path: Path) -> None:
    """A history of one line at the start has no users: none is not 0."""
    _, report = imported(write(tmp_path / "a", history="1790000000,0,,Aggregated,0.0,0.0,N/A,N/A,0,0\n"))
    assert report.groups[0].users is None


def test_fine_buckets_are_seen() -> None:
    """A time such as 961 ms says that the buckets are finer than Locust's own."""
    assert (bucket(961, fine=True), bucket(960, fine=False), bucket(100, fine=False)) == (
        (960.5, 962.0),
        (955.0, 965.0),
        (99.5, 105.0),
    )


def locust_bucket(ms: float) -> int:
    """Round as locust/stats.py does."""
    if ms < 100:
        return round(ms)
    return round(ms, -1) if ms < 1000 else round(ms, -2) if ms < 10_000 else round(ms, -3)


@given(st.floats(0.0, 200_000.0))
def test_the_bucket_holds_the_time(ms: float) -> None:
    """Whatever time Locust rounds, the bucket that is named holds it."""
    low, high = bucket(float(locust_bucket(ms)), fine=False)
    assert low <= ms <= high


def test_intervals_hold_the_truth() -> None:
    """Of a hundred samples of 5,000 lognormal times in Locust's buckets, nearly all intervals hold the true p95."""
    shares = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999)
    held = 0
    for seed in range(100):
        times = np.sort(np.random.default_rng(seed).lognormal(np.log(400), 0.5, 5000))
        found = {p: float(locust_bucket(times[min(int(5000 * p), 4999)])) for p in shares}
        row = Row("POST", "/", 5000, 0, found, None, None, float(times[0]), float(times[-1]), None)
        p95 = quantile(row, 0.95, fine=False)
        assert isinstance(p95, Estimate)
        held += p95.low <= 400 * np.exp(0.5 * 1.6448536) <= p95.high
    assert held >= 97


def test_one_report_again_and_a_second_folder(tmp_path: Path) -> None:
    """`tailgate report` gives the same bytes from the folder; a second import does not touch the first."""
    prefix = write(tmp_path / "a")
    imported(prefix)
    (folder,) = (tmp_path / "a" / "results").iterdir()
    assert build(folder).model_dump_json() == build(folder).model_dump_json()
    CliRunner().invoke(app, ["import", str(prefix), "--results", str(folder.parent)])
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name, f"{folder.name}-2"]
    assert json.loads((folder / "run.json").read_text())["imported"]["files"] == ["stats", "stats_history"]


def test_compare(tmp_path: Path) -> None:
    """Two imported runs are compared where both have figures, and it is said what is missing."""
    folders = []
    for name in ("a", "b"):
        imported(write(tmp_path / name))
        folders += (tmp_path / name / "results").iterdir()
    done = CliRunner().invoke(app, ["compare", *map(str, folders), "--margin", "p95(service_time_ms) <= 2.0"])
    assert (
        "pass: POST /chat keeps p95(service_time_ms) <= 2.0" in done.output,
        "not in Locust's CSV" in done.output,
    ) == (
        True,
        True,
    )


@pytest.mark.parametrize(("stats", "words"), [("", "not a statistics file"), ("a,b\n1,2\n", "not a statistics file")])
def test_foreign_files(tmp_path: Path, stats: str, words: str) -> None:
    """A file that is none of Locust's is one line."""
    write(tmp_path / "a", stats)
    with pytest.raises(TailgateError, match=words):
        read_stats(tmp_path / "a" / "load_stats.csv", [])


def test_no_files(tmp_path: Path) -> None:
    """A prefix without files says what to give."""
    done = CliRunner().invoke(app, ["import", str(tmp_path / "none"), "--results", str(tmp_path)])
    assert isinstance(done.exception, TailgateError)
    assert "give the PREFIX of `locust --csv PREFIX`" in str(done.exception)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, len(NEW)), noise=st.binary(max_size=20))
def test_torn_and_hostile_files(tmp_path: Path, cut: int, noise: bytes) -> None:
    """Cut anywhere, with any bytes behind, a file gives rows or one line."""
    path = tmp_path / "x_stats.csv"
    path.write_bytes(NEW.encode()[:cut] + noise)
    said = []
    for read in (read_stats, read_history, read_failures):
        try:
            read(path, [])
        except TailgateError as error:
            said.append(len(str(error).splitlines()))
    assert set(said) <= {1}
