"""Expectations and rubrics as files hold them: what is wrong is named with its place, all at once."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from scenarios.errors import ScenarioError
from scenarios.expect import Expect
from scenarios.fact import Fact
from scenarios.prompt_file import read_prompts
from scenarios.rubric import default
from scenarios.scenario import Scenario, load

ENDPOINT = "endpoints: {a: {simulated: {}}}\n"


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"fact": ["x"]}, "did you mean facts?"),
        ({"facts": [{"regex": "("}]}, "expect.0.facts.0.regex: this is no regular expression"),
        ([{"facts": ["x"]}, {"facts": ["y"]}], "2 answers are expected of 1 turns: write one each, or null"),
        ({}, "nothing is expected: write facts, never, context, policy or min_words"),
        ({"policy": "refuse", "facts": ["x"]}, "policy: refuse asks for no facts"),
        ({"policy": "deny"}, "write one of answer, refuse, fallback"),
    ],
)
def test_a_prompt_that_expects_nonsense(tmp_path: Path, expect: object, said: str) -> None:
    """The line of the prompts file is named, and what would be right."""
    path = tmp_path / "prompts.jsonl"
    path.write_text(json.dumps({"id": "a", "text": "hi", "expect": expect}) + "\n", encoding="utf-8")
    _, problems = read_prompts(path)
    assert [problem for problem in map(str, problems) if said in problem and problem.startswith(f"{path}:1:1: expect")]


def test_one_fact_may_stand_alone() -> None:
    """A single fact needs no list."""
    assert Expect.model_validate({"facts": "Paris", "never": 5}) == Expect(
        facts=(Fact(any=("Paris",)),), never=(Fact(number=5),)
    )


def test_a_scenario_names_its_rubric(tmp_path: Path) -> None:
    """A file beside the scenario or one that ships; without one, the one that ships is meant."""
    (tmp_path / "own.yaml").write_text("refusals: [nope]\nmin_words: 2\n", encoding="utf-8")
    found = {}
    for name in ("own.yaml", "rubrics/chat.yaml"):
        (tmp_path / "s.yaml").write_text(f"{ENDPOINT}quality: {{rubric: {name}, keep: 10}}\n", encoding="utf-8")
        scenario = load(tmp_path / "s.yaml")
        assert scenario.quality is not None
        assert Scenario.from_document(scenario.to_document()) == scenario
        found[name] = scenario.quality.rubric
    assert (found["own.yaml"].refuses("nope, sorry"), found["own.yaml"].min_words) == ("nope", 2)
    assert found["rubrics/chat.yaml"] == default()


def test_what_is_wrong_with_a_rubric_is_said_where_it_is_named(tmp_path: Path) -> None:
    """Every problem of the file that a scenario names, and of the key itself."""
    (tmp_path / "bad.yaml").write_text('refusals: ["("]\nmin_word: 3\n', encoding="utf-8")
    path = tmp_path / "s.yaml"
    path.write_text(f"{ENDPOINT}quality:\n  rubric: bad.yaml\n  kep: 5\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert [problem.removeprefix(f"{path}:") for problem in caught.value.problems] == [
        "3:3: quality: min_word is not a known key: did you mean min_words?",
        "3:11: quality.rubric: this is no regular expression: missing ), unterminated subpattern at position 0",
        "4:3: quality: kep is not a known key: did you mean keep?",
    ]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"wrong": 0.7, "terse": 0.5}, "the shares add up to 1.2: together they can be at most 1"),
        ({"right": 0.5, "wrong": 0.2}, "the shares add up to 0.7: leave out right"),
        ({"wronk": 0.1}, "did you mean wrong?"),
    ],
)
def test_shares_of_simulated_answers(answers: dict[str, Any], said: str) -> None:
    """What cannot be a script of answers is said."""
    with pytest.raises(ValidationError, match=said.replace("?", r"\?")):
        Scenario.model_validate({"endpoints": {"a": {"simulated": {"quality": answers}}}})
