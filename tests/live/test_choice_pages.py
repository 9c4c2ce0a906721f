"""The selection's page and the dashboard in a real browser: readable by everyone, at every width, names inert."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))

from graded import write_graded
from synthetic import BASE, LARGE, Plan
from test_report_page import BROWSER, serious_issues, sideways

from analysis.comparing.side import Wanted, known
from analysis.render import dashboard as dashboard_page
from analysis.render import matrix as matrix_page
from analysis.report import build
from analysis.selecting.matrix import matrix
from analysis.trends.dashboard import dashboard, told

HOSTILE = "<img src=x onerror=alert(1)>\u202e\x1b[31m"
SLO = ("p95(ttft_ms) < 300", "throttled_share < 1%")

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(BROWSER is None, reason="no chromium here: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give both pages of two graded runs of two endpoints; one run has a name that is markup."""
    folder = tmp_path_factory.mktemp("runs")
    for number in (1, 2):
        run = folder / f"run-{number}"
        write_graded(run, Plan(seed=number, models=(LARGE, BASE), turns=400, slo=SLO), {"right": 0.9, "wrong": 0.1})
        meta = json.loads((run / "run.json").read_text())
        meta["name"] = HOSTILE if number == 2 else "nightly"
        (run / "run.json").write_text(json.dumps(meta))
    found = matrix([known(Wanted(folder / "run-1")), known(Wanted(folder / "run-2"))])
    return {"matrix": matrix_page.html(found), "dashboard": dashboard_page.html(dashboard(*told(folder, build)))}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["matrix", "dashboard"])
def test_axe_finds_no_serious_issue(pages: dict[str, str], tmp_path: Path, name: str, scheme: str) -> None:
    """The accessibility checker axe-core reports nothing serious or critical, and nothing runs that a name holds."""
    assert serious_issues(pages[name], tmp_path, scheme) == []


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("name", ["matrix", "dashboard"])
def test_the_page_never_scrolls_sideways(pages: dict[str, str], tmp_path: Path, name: str, width: int) -> None:
    """Wide tables and pictures scroll in their own box."""
    assert sideways(pages[name], tmp_path, width) == {"room": width, "over": 0, "wide": []}
