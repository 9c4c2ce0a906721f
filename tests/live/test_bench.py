"""The benchmark runs, says what it should, and finds the client cheaper than Locust's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FIGURE_KEYS = {"name", "value", "unit", "limit", "sense", "reference", "holds"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run the quick benchmark; give what it wrote."""
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "tests"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text(encoding="utf-8"))


def test_document(document: Any) -> None:
    """It names the machine, every reader's result, and each figure with its target and whether that holds."""
    assert set(document) == {"schema_version", "quick", "took_s", "machine", "figures", "readers"}
    assert {"cpu", "cores", "kernel", "python", "load_average", "versions"} == set(document["machine"])
    assert [set(figure) for figure in document["figures"]] == [FIGURE_KEYS] * len(document["figures"])
    assert set(document["readers"]) >= {"bare 1", "tailgate 1", "fasthttp 1"}


def test_cheaper_than_locusts_own_client(document: Any) -> None:
    """A chunk costs less than with FastHttpUser, which runs right after on the same core."""
    readers = document["readers"]
    assert readers["tailgate 1"]["client_us"] < readers["fasthttp 1"]["client_us"]


def test_more_exact_than_locusts_own_client(document: Any) -> None:
    """The errors of single requests stay below FastHttpUser's."""
    ours, theirs = (document["readers"][name]["accuracy"] for name in ("tailgate 1", "fasthttp 1"))
    assert ours["requests"] > 100
    assert ours["each_ttft_p99_error_ms"] < theirs["each_ttft_p99_error_ms"]
