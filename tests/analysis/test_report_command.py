"""`tailgate report` as a command: what it prints, what it writes, and how it may be told to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from synthetic import BASE, LARGE, Plan, write_run

Tailgate = Callable[..., subprocess.CompletedProcess[str]]
OPEN = ("p99(ttft_ms) < 410", "accuracy >= 0.85")


def types(path: Path, tag: str) -> list[str | None]:
    """Give the types of the failures or skips of a JUnit file."""
    return [found.get("type") for found in ET.parse(path).getroot().iter(tag)]  # noqa: S314  our own document


def test_json_is_the_file(tailgate: Tailgate, tmp_path: Path) -> None:
    """With `--json` the machine's report is all that is printed."""
    write_run(tmp_path / "a", Plan(models=(BASE,), turns=300))
    done = tailgate("report", "a", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads((tmp_path / "a" / "report.json").read_text())


def test_open_lines_are_skips_on_request(tailgate: Tailgate, tmp_path: Path) -> None:
    """JUnit counts them as failures, or as skips where that is asked for; the verdict is the same."""
    write_run(tmp_path / "a", Plan(models=(BASE,), turns=300, slo=OPEN))
    done = tailgate("report", "a")
    assert (done.returncode, types(tmp_path / "a" / "junit.xml", "failure")) == (0, ["slo.inconclusive"] * 2)
    done = tailgate("report", "a", "--junit-inconclusive", "skip")
    assert (done.returncode, types(tmp_path / "a" / "junit.xml", "failure")) == (0, [])
    assert types(tmp_path / "a" / "junit.xml", "skipped") == ["slo.inconclusive"] * 2
    assert "INCONCLUSIVE" in done.stdout
    assert tailgate("report", "a", "--junit-inconclusive", "pass").returncode == 2


def test_a_campaign_is_told_which_to_take(tailgate: Tailgate, tmp_path: Path) -> None:
    """Of several endpoints one is recommended, with the reason; of an invalid run none is."""
    write_run(tmp_path / "a", Plan(models=(LARGE, BASE), turns=600, slo=()))
    write_run(tmp_path / "b", Plan(models=(LARGE, BASE), turns=600, slo=(), healthy=False))
    sound, unsound = tailgate("report", "a"), tailgate("report", "b")
    assert ("For all traffic: take small, the cheapest of all" in sound.stdout, "take small" in unsound.stdout) == (
        True,
        False,
    )
