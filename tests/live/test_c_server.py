"""A load run against a server in C that shares no code with Tailgate: each row held against the server's own log."""

from __future__ import annotations

import csv
import shutil
import subprocess
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from hdrh.histogram import HdrHistogram
from test_load_run import Row, Run, locust, request_id

SOURCE = Path(__file__).with_name("truth_server.c")
SCENARIO = """
name: c-server
endpoints: {{it: {{url: "http://127.0.0.1:{port}/v1", model: m}}}}
traffic: {{users: 60, ramp: 1s, warm_up: 0s, steady: 3s, drain: 8s, think_time: 10ms}}
conversation: {{prompts: [What is a queue?, Name three rivers.], turns: {{min: 1, max: 3}}}}
"""
WITHIN = 0.01
"""The relative error of a median that is allowed: this machine has other work too."""


@dataclass(frozen=True)
class Truth:
    """What the server did for one request: when it came, what went out, when each content chunk did."""

    arrived_s: float
    bytes_out: int
    sends: tuple[float, ...]

    @property
    def gaps(self) -> list[float]:
        """Give the seconds between successive chunks."""
        return [later - earlier for earlier, later in pairwise(self.sends)]


@dataclass(frozen=True)
class Told:
    """A finished run, and the server's log by request id."""

    run: Run
    truth: dict[str, Truth]

    @property
    def pairs(self) -> list[tuple[Row, Truth]]:
        """Each row with its truth."""
        return [(row, self.truth[request_id(row)]) for row in self.run.rows]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Compile the server, load it with 60 users for some seconds."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler (cc) on this machine")
    folder = tmp_path_factory.mktemp("c")
    program, log = folder / "truth_server", folder / "truth.txt"
    subprocess.run([compiler, "-O2", "-Wall", "-Werror", "-o", str(program), str(SOURCE)], check=True)
    command = [program, log, "7", "100", "20", "60"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        (folder / "c.yaml").write_text(SCENARIO.format(port=server.stdout.readline().strip()), encoding="utf-8")
        run = Run(folder, locust(folder, "--scenario", "c.yaml", "--headless")).finish()
    lines = [line.split() for line in log.read_text(encoding="ascii").splitlines()]
    return Told(run, {name: Truth(float(at), int(sent), tuple(map(float, sends))) for name, at, sent, *sends in lines})


def test_every_answer_is_a_row(told: Told) -> None:
    """The server's answers and the run's rows are the same, each once, and all are whole."""
    assert sorted(map(request_id, told.run.rows)) == sorted(told.truth)
    assert ({row["outcome"] for row in told.run.rows}, len(told.truth) > 60) == ({"ok"}, True)


def test_chunks_and_bytes_are_the_servers(told: Told) -> None:
    """Whatever the framing of a chunk, with pings, halves and pairs of events: the counts agree, answer by answer."""
    assert [(row["chunks"], row["bytes_in"]) for row, _ in told.pairs] == [
        (str(len(truth.sends)), str(truth.bytes_out)) for _, truth in told.pairs
    ]


def test_first_tokens_are_when_they_were_sent(told: Told) -> None:
    """Answer by answer, the time to the first token is the server's own; half of the errors are below one per cent."""
    errors = [
        abs((float(row["first_token_s"]) - float(row["sent_s"])) / (truth.sends[0] - truth.arrived_s) - 1)
        for row, truth in told.pairs
    ]
    assert median(errors) < WITHIN


def test_gaps_are_those_of_the_sends(told: Told) -> None:
    """As many gaps are counted as there were, and their median is the server's; so is the span of each answer."""
    true = [gap for truth in told.truth.values() for gap in truth.gaps]
    with (told.run.results / "gaps.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    counted = HdrHistogram(1, 3_600_000_000, 3)
    for row in rows:
        counted.decode_and_add(row["histogram"])
    assert sum(int(row["count"]) for row in rows) == len(true)
    assert counted.get_value_at_percentile(50) / 1e6 == pytest.approx(median(true), rel=WITHIN)
    spans = [
        abs((float(row["last_token_s"]) - float(row["first_token_s"])) / (truth.sends[-1] - truth.sends[0]) - 1)
        for row, truth in told.pairs
    ]
    assert median(spans) < WITHIN
