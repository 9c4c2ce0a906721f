"""The load run against a real model: SmolLM2-135M on llama.cpp's own server, on this CPU."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

GRADED = """
endpoints:
  smollm2: {{url: "{url}", model: smollm2-135m-instruct}}
traffic: {{users: 2, ramp: 0s, warm_up: 0s, steady: 25s, drain: 60s, think_time: 100ms}}
conversation: {{prompts: prompts/quality.jsonl, max_output_tokens: 24}}
slo: [accuracy >= 0.99]
"""

SCENARIO = """
endpoints:
  smollm2: {{url: "{url}", model: smollm2-135m-instruct, prices: {{input: 0.05, output: 0.20}}}}
traffic: {{users: 4, ramp: 1s, warm_up: 0s, steady: 12s, drain: 60s, think_time: 200ms}}
conversation: {{prompts: prompts/chat.jsonl, turns: {{min: 1, max: 2}}, max_output_tokens: 24}}
slo: [failed_share < 50%]
"""


def test_real_tokens_real_tail(
    tailgate: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, real_model: str
) -> None:
    """Four users on two slots: whole answers with real token counts, a cost, and a first token before the last.

    What llama.cpp says of its own time is less than what was seen.
    """
    (tmp_path / "real.yaml").write_text(SCENARIO.format(url=real_model))
    done = tailgate("run", "real.yaml", timeout=300)
    (folder,) = tmp_path.glob("results/*")
    with (folder / "attempts.csv").open(newline="") as file:
        answered = [row for row in csv.DictReader(file) if row["outcome"] in {"ok", "ok_length"}]
    with (folder / "server_timings.csv").open(newline="") as file:
        told = {(row["worker"], row["seq"]): row for row in csv.DictReader(file)}
    report = json.loads((folder / "report.json").read_text())
    # Where the model takes the whole CPU, the generator may call itself late: invalid (5) is then the honest verdict.
    assert done.returncode in {0, 4, 5}, done.stderr
    assert len(answered) >= 4
    for row in answered:
        assert 0 < int(row["output_tokens"]) <= 24
        assert int(row["input_tokens"]) > 0
        assert float(row["sent_s"]) < float(row["first_token_s"]) <= float(row["last_token_s"]) <= float(row["end_s"])
        theirs = told[row["worker"], row["seq"]]
        assert theirs["source"] == "llama.cpp"
        assert 0 < float(theirs["prefill_s"]) < float(theirs["total_s"]) < float(row["end_s"]) - float(row["sent_s"])
    assert sum(group["turns"] for group in report["groups"]) >= 4
    assert (folder / "report.html").read_text().startswith("<!")


def test_a_small_models_answers_are_graded(
    tailgate: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, real_model: str
) -> None:
    """Each answer has a verdict, and a model of this size is not right 99 times in a hundred."""
    (tmp_path / "graded.yaml").write_text(GRADED.format(url=real_model))
    tailgate("run", "graded.yaml", timeout=300)
    (folder,) = tmp_path.glob("results/*")
    done = tailgate("eval", str(folder), "--json")
    found = json.loads(done.stdout)
    (row,) = found["quality"]["endpoints"]
    assert sum(row["verdicts"].values()) == row["graded"] == row["answered"] > 0
    assert [line["verdict"] != "pass" for line in found["slo"]] == [True]
    assert done.returncode in {3, 4}
