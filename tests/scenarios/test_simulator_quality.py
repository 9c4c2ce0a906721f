"""Answers of the simulated provider to cases whose right answer is known, over HTTP, by every way of asking."""

import csv
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from scenarios.expect import Expect
from scenarios.grading import Said, grade
from scenarios.records import Outcome
from scenarios.rubric import default
from scenarios.scenario import Scenario
from scenarios.simulator.process import Simulator

ASKED = "Which city is \u201cthe\u201d capital?"
EXPECT = {"facts": ['Z\u00fcrich "am See"', "\U0001f3d4 peak"], "never": ["Bern"]}
FAST = {"ttft": "1ms", "tokens_per_second": 5000, "output_tokens": {"median": 30, "p99": 60}}
SHARES = {"wrong": 0.2, "hallucinated": 0.2, "terse": 0.2}


def served(*, quality: dict[str, float]) -> Scenario:
    """Give two endpoints, one of each API, and a case."""
    simulated = {**FAST, "quality": quality}
    endpoints = {"chat": {"simulated": simulated}, "shot": {"api": "generic", "simulated": simulated}}
    prompts = [{"id": "a", "turns": [ASKED], "expect": [EXPECT]}]
    return Scenario.model_validate({"seed": 3, "endpoints": endpoints, "conversation": {"prompts": prompts}})


def ask(simulator: Simulator, *, stream: bool, said: str = ASKED, **options: Any) -> str:
    """Ask the chat endpoint; give the answer's text."""
    body = {"messages": [{"role": "user", "content": said}], "stream": stream, **options}
    answer = httpx.post(f"{simulator.urls['chat']}/chat/completions", json=body).raise_for_status()
    if not stream:
        return str(answer.json()["choices"][0]["message"]["content"])
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    return "".join(json.loads(event)["choices"][0]["delta"].get("content", "") for event in events)


def verdict(text: str, outcome: Outcome = Outcome.OK) -> str:
    """Grade an answer to the case."""
    return grade(Expect.model_validate(EXPECT), Said(ASKED, text, outcome), default()).verdict.value


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_the_truth_log_says_what_was_said(tmp_path: Path, stream: bool) -> None:  # noqa: FBT001
    """Each answer is of the kind that the log names, and its tokens are counted."""
    with Simulator(served(quality=SHARES), truth=tmp_path / "truth.csv") as simulator:
        said = [verdict(ask(simulator, stream=stream)) for _ in range(40)]
        ask(simulator, stream=stream, said="Something else.")
    with (tmp_path / "truth.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["quality"] for row in rows] == [*said, ""]
    assert set(said) == {"right", *SHARES}


def test_the_single_shot_api_plays_too() -> None:
    """By its template the same case is known."""
    with Simulator(served(quality={"hallucinated": 1})) as simulator:
        answer = httpx.post(simulator.urls["shot"], json={"prompt": ASKED}).raise_for_status()
    assert verdict(answer.json()["text"]) == "hallucinated"


def test_an_answer_cut_before_its_facts_is_terse(tmp_path: Path) -> None:
    """Where the length asked for ends it, the log says so."""
    with Simulator(served(quality={}), truth=tmp_path / "truth.csv") as simulator:
        text = ask(simulator, stream=True, max_completion_tokens=2)
    row = next(csv.DictReader((tmp_path / "truth.csv").read_text(encoding="utf-8").splitlines()))
    assert (row["quality"], row["finish_reason"], row["output_tokens"], verdict(text, Outcome.OK_LENGTH)) == (
        "terse",
        "length",
        "2",
        "terse",
    )
