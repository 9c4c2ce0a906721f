"""Prompts: which lines of a file are good, and that the plan of a conversation repeats."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.dialogue import FOLLOW_UPS, conversation_for
from scenarios.errors import ScenarioError
from scenarios.prompt_file import read_prompts
from scenarios.prompts import Prompt
from scenarios.scenario import Conversation, Endpoint, Scenario, Simulated, load

GOOD = {"id": "support-001", "kind": "support", "turns": ["Hello", "And then?"], "expected_output_tokens": 120}


def scenario(turns: dict[str, int], seed: int = 7) -> Scenario:
    """Give a scenario with three prompts of one to three turns."""
    prompts = [Prompt(id=f"p{n}", kind="k", turns=tuple(f"{n}.{t}" for t in range(n))) for n in (1, 2, 3)]
    conversation = Conversation.model_validate({"prompts": prompts, "turns": turns})
    return Scenario(seed=seed, endpoints={"a": Endpoint(simulated=Simulated())}, conversation=conversation)


def prompt_file(folder: Path, *lines: str) -> Path:
    """Write a file of prompts."""
    path = folder / "p.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    """Turns or a text, blank lines between, other fields as they are."""
    single = {"id": "b", "text": "One question"}
    prompts, problems = read_prompts(prompt_file(tmp_path, json.dumps(GOOD), "", json.dumps(single)))
    assert problems == []
    assert prompts == [Prompt.model_validate(GOOD), Prompt(id="b", turns=("One question",))]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "2:2: this is not JSON (Expecting property name enclosed in double quotes): write"),
        ('"hello"', "2:1: this is no prompt: write"),
        ('{"turns": ["x"]}', "2:1: id is missing: add it"),
        ('{"id": "b"}', "2:1: turns is missing: add it"),
        ('{"id": "b", "turns": []}', "2:1: turns: nothing is said: write at least one turn"),
        ('{"id": "b", "turns": ["x", " "]}', "2:1: turns.1: this turn is empty: write what the user says"),
        ('{"id": "b", "turns": "x"}', "2:1: turns: 'x' is text: write a list"),
        ('{"id": "b", "text": "x", "turns": ["x"]}', "2:1: text: text and turns exclude each other: keep one"),
        ('{"id": "b", "text": "x", "tokens": 3}', "2:1: tokens: tokens is not a known key: known here are"),
        ('{"id": "b", "text": "x", "expected_output_tokens": 0}', "2:1: expected_output_tokens: 0 is out of range"),
        ('{"id": "support-001", "text": "x"}', "2:1: id support-001 stands twice: give each prompt its own"),
    ],
)
def test_a_bad_line_is_named(line: str, said: str, tmp_path: Path) -> None:
    """File, line, and what would be right."""
    path = prompt_file(tmp_path, json.dumps(GOOD), line)
    _, problems = read_prompts(path)
    assert [str(problem).startswith(f"{path}:{said}") for problem in problems] == [True], problems


def test_many_bad_lines_are_counted(tmp_path: Path) -> None:
    """A file of another kind does not flood the terminal."""
    _, problems = read_prompts(prompt_file(tmp_path, *["nonsense"] * 500))
    assert len(problems) == 21
    assert problems[-1].text.endswith("(and 479 more problems in this file)")


def test_problems_of_both_files_are_said_together(tmp_path: Path) -> None:
    """The scenario's own come first, then the prompts file's; paths are relative to the scenario."""
    prompt_file(tmp_path, "nonsense")
    path = tmp_path / "s.yaml"
    path.write_text("endpoints: {a: {simulated: {}}}\nconversation: {prompts: p.jsonl, turns: 0}\n")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    places = [line.split(": ")[0] for line in caught.value.problems]
    assert places == [f"{path}:2:41", f"{tmp_path / 'p.jsonl'}:1:1"]


def test_an_empty_prompts_file_is_said_so(tmp_path: Path) -> None:
    """No prompts is a problem of that file."""
    _, problems = read_prompts(prompt_file(tmp_path))
    assert [problem.text.split(":")[0] for problem in problems] == ["the file holds no prompts"]


def test_shipped_prompts_are_found_from_anywhere(tmp_path: Path) -> None:
    """A path that is not beside the scenario is looked for among what ships."""
    path = tmp_path / "s.yaml"
    path.write_text("endpoints: {a: {simulated: {}}}\nconversation: {prompts: prompts/chat.jsonl}\n")
    assert len(load(path).conversation.prompts) >= 200


@given(st.integers(0, 10_000), st.integers(0, 1000), st.integers(1, 4), st.integers(0, 4), st.integers(0, 99))
def test_a_conversation_is_as_long_as_asked(user: int, number: int, least: int, more: int, seed: int) -> None:
    """Turns lie in range; the prompt's own come first, then follow-ups; the same call gives the same plan."""
    asked = scenario({"min": least, "max": least + more}, seed)
    plan = conversation_for(asked, user, number)
    assert plan == conversation_for(Scenario.from_document(asked.to_document()), user, number)
    assert least <= len(plan.user_turns) <= least + more
    own = next(prompt.turns for prompt in asked.conversation.prompts if prompt.id == plan.case_id)
    assert plan.user_turns[: len(own)] == own[: len(plan.user_turns)]
    assert set(plan.user_turns[len(own) :]) <= set(FOLLOW_UPS)


def test_users_say_different_things_and_each_prompt_is_used() -> None:
    """Over many users and conversations all prompts and lengths occur about equally often."""
    asked = scenario({"min": 1, "max": 4})
    plans = [conversation_for(asked, user, number) for user in range(300) for number in range(4)]
    for counts in (Counter(plan.case_id for plan in plans), Counter(len(plan.user_turns) for plan in plans)):
        assert min(counts.values()) > 0.75 * len(plans) / len(counts)


def test_seed_user_number_and_endpoint_each_matter() -> None:
    """Changing any of them changes what is planned, over enough conversations."""

    def said(seed: int = 7, user: int | str = 1, start: int = 0, endpoint: str = "") -> list[str]:
        asked = scenario({"min": 1, "max": 4}, seed)
        return [conversation_for(asked, user, start + n, endpoint).case_id for n in range(40)]

    plans = [said(), said(seed=8), said(user=2), said(user="lane/1"), said(start=1), said(endpoint="a")]
    assert len({tuple(plan) for plan in plans}) == len(plans)


def test_the_plan_is_pinned() -> None:
    """A new version of Python or of this code repeats old runs: this plan never changes."""
    plans = [conversation_for(scenario({"min": 1, "max": 4}), user, 0) for user in range(6)]
    assert [(plan.case_id, len(plan.user_turns)) for plan in plans] == [
        ("p1", 3),
        ("p2", 2),
        ("p2", 1),
        ("p2", 4),
        ("p3", 4),
        ("p2", 1),
    ]
