"""The report files: all of them, whole, and the same bytes for the same report."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

from analysis.model import Estimate, Report
from analysis.render.files import to_json, write_all
from scenarios.errors import TailgateError

GOLDEN = Path(__file__).parent / "golden"
NAMES = ["report.html", "report.md", "report.json", "junit.xml"]


def load(name: str) -> Report:
    """Read a stored report."""
    return Report.model_validate_json((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def test_every_file_is_written_and_nothing_else(tmp_path: Path) -> None:
    """The folder holds the four files and no draft."""
    paths = write_all(load("sample"), tmp_path)
    assert [tmp_path / name for name in NAMES] == paths
    assert sorted(NAMES) == sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_the_same_report_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    """Two renderings, the second from the first's report.json, do not differ in a byte."""
    first = [path.read_bytes() for path in write_all(load(name), tmp_path)]
    again = Report.model_validate_json((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert first == [path.read_bytes() for path in write_all(again, tmp_path)]


def test_the_page_is_small(tmp_path: Path) -> None:
    """A typical run's page stays under 400 kB."""
    assert write_all(load("sample"), tmp_path)[0].stat().st_size < 400_000


def test_report_json_is_ascii_and_reads_back() -> None:
    """The machine's report holds exactly the report, in characters that no terminal obeys."""
    report = load("hostile")
    text = to_json(report)
    assert text.isascii()
    assert "\x1b" not in text
    assert Report.model_validate_json(text) == report


def test_report_json_has_no_nan() -> None:
    """NaN is no JSON: it is written as null."""
    report = load("sample")
    strange = Estimate(value=1.0, low=-math.inf, high=math.nan, n=1, method="test")
    line = report.slo[0].model_copy(update={"figure": strange})
    document = json.loads(to_json(report.model_copy(update={"slo": [line]})), parse_constant=pytest.fail)
    assert [document["slo"][0]["figure"][side] for side in ("low", "high")] == [None, None]


def test_a_file_in_the_way_is_one_clear_error(tmp_path: Path) -> None:
    """A folder that cannot be written is named, and no draft is left."""
    (tmp_path / "report.html").mkdir()
    with pytest.raises(TailgateError, match=r"report\.html: cannot be written"):
        write_all(load("sample"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_missing_folder_is_one_clear_error(tmp_path: Path) -> None:
    """So is a folder that does not exist."""
    with pytest.raises(TailgateError, match="cannot be written"):
        write_all(load("sample"), tmp_path / "gone")


def test_files_can_be_read_by_others(tmp_path: Path) -> None:
    """The files follow the umask, so that a CI server can pick them up."""
    mask = os.umask(0o022)
    try:
        modes = {path.stat().st_mode & 0o777 for path in write_all(load("sample"), tmp_path)}
    finally:
        os.umask(mask)
    assert modes == {0o644}
