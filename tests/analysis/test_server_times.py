"""What servers told of their own time: read beside the rows, and held against what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from synthetic import LARGE, Model, Plan, Truth, attempts, write_run

from analysis.model import Estimate, NotEstimable, Report, ServerTime
from analysis.render.html import html
from analysis.render.markdown import to_markdown
from analysis.report import build
from analysis.rows import attempts as reading
from scenarios.records import Attempt, Outcome
from scenarios.server_timings import FILE, ServerTimings, header_line, to_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLAN = Plan(models=(LARGE, Model()), turns=400, warm_up_s=8.0)


def seen_s(attempt: Attempt) -> float:
    """Give how long an attempt took."""
    assert attempt.end_s is not None
    assert attempt.sent_s is not None
    return attempt.end_s - attempt.sent_s


def answers(plan: Plan) -> Iterator[Attempt]:
    """Give the attempts of a plan that were answered."""
    return (row for row in attempts(plan, Truth()) if row.outcome in (Outcome.OK, Outcome.OK_LENGTH))


def run(folder: Path, tell: Callable[[Attempt], ServerTimings | None], plan: Plan = PLAN) -> Path:
    """Write a run in which the server tells of its answers."""
    write_run(folder, plan)
    told = [(row, tell(row)) for row in answers(plan)]
    lines = [to_line(row.run_id, row.worker, row.seq, timings) for row, timings in told if timings]
    (folder / FILE).write_text("".join([header_line(), *lines]), encoding="utf-8")
    return folder


def steady(report: Report, endpoint: str = "large") -> ServerTime:
    """Give what the endpoint told in its steady phase."""
    (found,) = (one for one in report.server_times if (one.endpoint, one.phase) == (endpoint, "steady"))
    return found


def value(found: object) -> float:
    """Give the value of a figure that there must be."""
    assert isinstance(found, Estimate)
    return found.value


def half(row: Attempt) -> ServerTimings:
    """Tell half of what an attempt took, a fifth of it in a queue."""
    return ServerTimings("groq", total_s=seen_s(row) / 2, queue_s=seen_s(row) / 10)


def test_figures_are_those_of_the_same_turns(tmp_path: Path) -> None:
    """A server that tells half of what was seen is told so: at each quantile, with an interval, in every phase."""
    found = build(run(tmp_path, half))
    one = steady(found)
    for quantile in ("p50", "p95", "mean"):
        whole = value(one.seen["total_ms"][quantile])
        for part, share in (
            (one.server["total_ms"], 0.5),
            (one.beyond["total_ms"], 0.5),
            (one.server["queue_ms"], 0.1),
        ):
            assert value(part[quantile]) == pytest.approx(share * whole, rel=1e-4)
    group = next(group for group in found.groups if (group.endpoint, group.phase) == ("large", "steady"))
    assert one.seen["total_ms"] == group.metrics["service_time_ms"]
    assert (one.turns, one.told, one.claims_more, one.source) == (group.metrics["service_time_ms"]["p50"].n,) * 2 + (
        0,
        "groq",
    )
    assert {(each.endpoint, each.phase) for each in found.server_times} == {
        (endpoint, phase) for endpoint in ("large", "small") for phase in ("warm_up", "steady")
    }
    assert set(one.server) == {"total_ms", "queue_ms"}


def test_where_time_went_is_said(tmp_path: Path) -> None:
    """Half of an answer's time outside of the server is worth a sentence; a hundredth is not."""
    large = steady(build(run(tmp_path / "half", half))).sentence
    without_queue = run(tmp_path / "llama", lambda row: ServerTimings("llama.cpp", total_s=seen_s(row) / 2))
    small = steady(build(run(tmp_path / "all", lambda row: ServerTimings("groq", total_s=seen_s(row) * 0.99)))).sentence
    assert "That time passed before or behind the server: on the network or at a proxy." in large
    assert "or in a queue that its clock leaves out" in steady(build(without_queue)).sentence
    assert ("by its own clock (groq)" in small, "before or behind" in small) == (True, False)


def test_a_claim_of_more_than_was_seen_is_named(tmp_path: Path) -> None:
    """A server that tells of more time than passed here is said to; what lies between is then below nothing."""
    found = steady(build(run(tmp_path, lambda row: ServerTimings("envoy", total_s=seen_s(row) + 0.5))))
    assert found.claims_more == found.told > 0
    assert f"In {found.told} of {found.told} turns it tells of more time than was seen" in found.sentence
    assert value(found.beyond["total_ms"]["p50"]) == pytest.approx(-500)


def test_headers_of_a_stream_are_held_against_headers(tmp_path: Path) -> None:
    """What a header tells of a stream is compared with the time until the headers came, not with the whole answer."""

    def tell(row: Attempt) -> ServerTimings | None:
        if row.headers_s is None or row.sent_s is None:
            return None
        return ServerTimings("openai-processing-ms", headers_s=(row.headers_s - row.sent_s) / 4)

    found = steady(build(run(tmp_path, tell)))
    assert (list(found.server), list(found.seen)) == (["headers_ms"], ["headers_ms"])
    assert value(found.server["headers_ms"]["p50"]) == pytest.approx(
        value(found.seen["headers_ms"]["p50"]) / 4, rel=1e-4
    )


def test_a_few_are_no_figure(tmp_path: Path) -> None:
    """Three turns that tell give no quantile, and the sentence says so."""
    few = {(row.worker, row.seq) for row in list(answers(PLAN))[200:203]}
    found = build(run(tmp_path, lambda row: half(row) if (row.worker, row.seq) in few else None))
    (one,) = found.server_times
    assert (one.told, one.turns > 300) == (3, True)
    assert isinstance(one.server["total_ms"]["p95"], NotEstimable)
    assert one.sentence.endswith("too few for a figure.")


def test_sources_are_not_mixed(tmp_path: Path) -> None:
    """Two clocks on one endpoint have figures of their own."""
    found = build(run(tmp_path, lambda row: half(row) if row.seq % 2 else ServerTimings("envoy", total_s=seen_s(row))))
    both = [one for one in found.server_times if (one.endpoint, one.phase) == ("large", "steady")]
    assert [one.source for one in both] == ["envoy", "groq"]
    assert sum(one.told for one in both) == both[0].turns


def test_small_pieces_and_doubled_lines_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is read in pieces, the lines of a worker's own file once more, and the report is the same."""
    folder = run(tmp_path, half)
    expected = build(folder).server_times
    monkeypatch.setattr(reading, "PIECE_BYTES", 512)
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.writelines((folder / FILE).read_text(encoding="utf-8").splitlines(keepends=True)[1:])
    assert build(folder).server_times == expected


def test_hostile_and_torn_lines(tmp_path: Path) -> None:
    """Lines without a row, of another run, torn, or with words for numbers count nothing; nor do senseless numbers."""
    folder = run(tmp_path, half)
    expected = build(folder)
    row = next(row for row in answers(PLAN) if row.phase == "steady")
    bad = [
        f"{row.run_id},w9,1,groq,9,,,,,,",
        f"{row.run_id},{row.worker},999999,groq,9,,,,,,",
        f"other,{row.worker},{row.seq},groq,9,,,,,,",
        f"{row.run_id},{row.worker},{row.seq},groq,soon,,,,,,",
        f"{row.run_id},{row.worker},x,groq,9,,,,,,",
        f"{row.run_id},{row.worker}",
    ]
    wild = [f"{row.run_id},{row.worker},{row.seq},<b>=cmd,{number},,,,,," for number in ("-1", "1e300", "inf")]
    text = (folder / FILE).read_text(encoding="utf-8")
    (folder / FILE).write_text(text + "\n".join(bad) + "\n", encoding="utf-8")
    found = build(folder)
    assert found.server_times == expected.server_times
    assert [note for note in found.notes if FILE in note] == [f"{FILE}: 3 torn or broken lines were left out"]
    (folder / FILE).write_text(header_line() + "\n".join(wild) + "\n", encoding="utf-8")
    (one,) = (one for one in build(folder).server_times if one.phase == "steady")
    assert (one.told, one.server, "nothing that is seen from here" in one.sentence) == (1, {}, True)


def test_a_file_of_other_columns_is_a_note(tmp_path: Path) -> None:
    """What this version cannot read costs no report."""
    folder = run(tmp_path, half)
    (folder / FILE).write_text("a,b\n1,2\n", encoding="utf-8")
    found = build(folder)
    assert (found.server_times, [note for note in found.notes if FILE in note]) == (
        [],
        [f"{FILE}: its columns are not those that this Tailgate knows: it is not read"],
    )


def test_where_nothing_was_told_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without the file has no word of it on any page, and the stamp that only it needs is not read."""
    asked: list[tuple[str, ...]] = []
    begin = reading.Rows.__init__

    def note(self: reading.Rows, also: tuple[str, ...] = ()) -> None:
        asked.append(also)
        begin(self, also)

    monkeypatch.setattr(reading.Rows, "__init__", note)
    write_run(tmp_path, PLAN)
    found = build(tmp_path)
    assert (asked, found.server_times) == ([()], [])
    assert "own clock" not in html(found) + to_markdown(found)


def test_pages_tell_it(tmp_path: Path) -> None:
    """The page has a section with the table, the summary a sentence for each endpoint; of steady phases alone."""
    found = build(run(tmp_path, half))
    page, summary = html(found), to_markdown(found)
    assert page.count('id="server-title"') == 1
    assert [page.count(words) for words in ("whole answer (groq)", "in its queue (groq)")] == [2, 2]
    assert summary.count("by its own clock (groq)") == 2
