"""The load run against llmock from PyPI, a mock provider that judges its clients and that nobody here wrote."""

from __future__ import annotations

import csv
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tailgate = Callable[..., subprocess.CompletedProcess[str]]

SCENARIO = """
endpoints:
  mock: {{url: "{root}/v1", model: gpt-4o-mini, prices: {{input: 1, output: 2}}}}
traffic: {{users: 6, ramp: 1s, warm_up: 0s, steady: 12s, drain: 30s, think_time: 100ms}}
conversation: {{max_output_tokens: 64}}
slo: [p50(ttft_ms) < 5s]
"""


def rows(folder: Path) -> list[dict[str, str]]:
    """Read the attempts of the only run under `folder`."""
    (path,) = folder.glob("results/*/attempts.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("trouble", [("429", "--rpm", "30"), ("503", "--error-rate", "503=0.2")])
def test_llmock_finds_no_fault_with_our_client(
    trouble: tuple[str, ...],
    tailgate: Tailgate,
    tmp_path: Path,
    llmock: Callable[..., str],
    fetch: Callable[[str], Any],
) -> None:
    """Under a request limit, or random 503s, llmock's own verdict is clean and its journal agrees with our rows."""
    status, *options = trouble
    root = llmock(*options, "--stream-chunk-delay-ms", "5")
    (tmp_path / "mock.yaml").write_text(SCENARIO.format(root=root))
    done = tailgate("run", "mock.yaml")
    verdict = fetch(f"{root}/_llmock/verdict")
    sent = [row for row in rows(tmp_path) if row["sent_s"]]
    statuses = Counter(row["http_status"] for row in sent)
    assert done.returncode in {0, 4, 5}, done.stderr  # on a busy machine, few turns or a late generator
    assert (verdict["findings"], verdict["attempts"]) == ([], len(sent))
    assert set(statuses) == {"200", status}
    assert verdict["faults_injected"] == statuses[status]


def test_cut_streams_are_called_cut(
    tailgate: Tailgate, tmp_path: Path, llmock: Callable[..., str], fetch: Callable[[str], Any]
) -> None:
    """Each stream that llmock cuts stands in our rows as cut, and no other does."""
    root = llmock("--stream-fault", "truncate=0.2", "--stream-fault", "disconnect=0.2")
    (tmp_path / "mock.yaml").write_text(SCENARIO.format(root=root).replace("steady: 12s", "steady: 4s"))
    tailgate("run", "mock.yaml")
    outcomes = Counter(row["outcome"] for row in rows(tmp_path))
    faults = fetch(f"{root}/_llmock/verdict")["faults_injected"]
    assert outcomes["ok"] > 0
    assert outcomes["stream_truncated"] == faults > 0


def test_probe_reads_its_limits(tailgate: Tailgate, tmp_path: Path, llmock: Callable[..., str]) -> None:
    """The probe shows the rate-limit headers that llmock sends, and finds nothing wrong."""
    root = llmock("--rpm", "60", "--stream-chunk-delay-ms", "5")
    (tmp_path / "mock.yaml").write_text(SCENARIO.format(root=root))
    done = tailgate("probe", "mock.yaml")
    assert (done.returncode, "x-ratelimit-limit-requests: 60" in done.stdout, "nothing wrong" in done.stdout) == (
        0,
        True,
        True,
    )
