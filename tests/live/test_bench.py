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
BUSY = 0.3
"""Share of the client's core, used by other programs, at which CPU figures can't be compared."""

FIGURE_KEYS = {"name", "value", "unit", "limit", "sense", "reference", "holds"}


def bench(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmark to its end."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "tests", **variables},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run the shortest benchmark; give what it wrote."""
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    done = bench("--smoke", "--json", str(path))
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text(encoding="utf-8"))


def test_document(document: Any) -> None:
    """It names the machine, every reader's result, and each figure with its target and whether that holds."""
    assert set(document) == {"schema_version", "mode", "took_s", "machine", "failures", "figures", "readers"}
    assert {"cpu", "cores", "kernel", "python", "load_average", "versions"} == set(document["machine"])
    assert [set(figure) for figure in document["figures"]] == [FIGURE_KEYS] * len(document["figures"])
    assert set(document["readers"]) == {"bare 1", "tailgate 1", "fasthttp 1"}
    assert document["failures"] == {}


def test_cheaper_than_locusts_own_client(document: Any) -> None:
    """A chunk costs less than with FastHttpUser, which runs right after on the same core."""
    ours, theirs = (document["readers"][name] for name in ("tailgate 1", "fasthttp 1"))
    if max(ours["others_cores"], theirs["others_cores"]) > BUSY:
        pytest.skip("others use the core: a reader that is starved reads late, many chunks at once and cheaply")
    assert ours["client_us"] < theirs["client_us"]


def test_more_exact_than_locusts_own_client(document: Any) -> None:
    """The errors of single requests stay below FastHttpUser's."""
    ours, theirs = (document["readers"][name]["accuracy"] for name in ("tailgate 1", "fasthttp 1"))
    assert ours["requests"] > 100
    assert ours["each_ttft_p99_error_ms"] < theirs["each_ttft_p99_error_ms"]


def test_failing_case(tmp_path: Path) -> None:
    """A reader that dies at once is named with its own last words, the table and the file are still made, exit 1."""
    (tmp_path / "aiohttp.py").write_text("raise SystemExit('no aiohttp today')\n", encoding="utf-8")
    path = tmp_path / "bench.json"
    done = bench("--only", "aiohttp", "--json", str(path), PYTHONPATH=f"tests{os.pathsep}{tmp_path}")
    assert done.returncode == 1
    assert "Not measured: aiohttp." in done.stdout
    written = json.loads(path.read_text(encoding="utf-8"))
    assert set(written["failures"]) == {"aiohttp"}
    assert "no aiohttp today" in written["failures"]["aiohttp"]
    assert written["figures"] == []
