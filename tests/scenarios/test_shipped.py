"""The scenarios and prompts that ship: they load, they are what their comments say, and the prompts differ."""

import itertools
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

import scenarios
from scenarios.grading import Said, grade
from scenarios.prompts import Prompt, expectations
from scenarios.rubric import default
from scenarios.scenario import Conversation, Scenario, Throttle, Traffic, load
from scenarios.simulator.acting import parts_of

HERE = Path(scenarios.__file__).parent
SHIPPED = sorted(HERE.glob("*.yaml"))
KINDS = {"support", "summary", "extraction", "longform"}
SAME = 0.6
"""Two prompts that share this much are one prompt written twice."""


def name_of(path: Path) -> str:
    """Name a test case by its file."""
    return path.stem


@pytest.fixture(scope="module")
def quickstart() -> Scenario:
    """Give the demo's scenario."""
    return load(HERE / "quickstart.yaml")


@pytest.fixture(scope="module")
def prompts(quickstart: Scenario) -> tuple[Prompt, ...]:
    """Give the prompts that ship."""
    return quickstart.conversation.prompts


def test_the_three_are_there() -> None:
    """The scenarios that the documentation names exist."""
    assert {"quickstart", "single-endpoint", "real-model"} <= {path.stem for path in SHIPPED}


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_it_loads_once_its_keys_are_set(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every shipped scenario loads when the variables it names are set."""
    for endpoint in load(path, check_env=False).endpoints.values():
        if endpoint.key_env:
            monkeypatch.setenv(endpoint.key_env, "stub")
    scenario = load(path)
    assert scenario.name == path.stem
    assert Scenario.from_document(scenario.to_document()) == scenario


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_it_opens_with_the_command_that_runs_it(path: Path) -> None:
    """The comment at the top of each file names the command."""
    lines = path.read_text(encoding="utf-8").splitlines()
    opening = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    assert f"tailgate run scenarios/{path.name}" in "\n".join(opening)


def test_the_demo_is_two_simulated_endpoints_and_short(quickstart: Scenario) -> None:
    """The demo needs no network, has 500 users on each endpoint and ends within three and a half minutes."""
    traffic = quickstart.traffic
    planned_s = traffic.ramp + traffic.warm_up + traffic.steady + traffic.drain
    assert set(quickstart.endpoints) == {"large", "small"}
    assert all(endpoint.simulated and endpoint.prices for endpoint in quickstart.endpoints.values())
    assert traffic.users == 500
    assert planned_s * len(quickstart.endpoints) <= 210


def test_what_the_smallest_shows_in_comments_is_the_default(tmp_path: Path) -> None:
    """With its comments turned into lines, single-endpoint.yaml still loads and still holds the defaults."""
    text = (HERE / "single-endpoint.yaml").read_text(encoding="utf-8")
    body = text[text.index("endpoints:\n") :]
    everything = tmp_path / "everything.yaml"
    everything.write_text(re.sub(r"(?m)^( *)# ", r"\1", body), encoding="utf-8")
    scenario = load(everything, check_env=False)
    assert scenario.traffic == Traffic()
    assert scenario.throttle == Throttle()
    assert scenario.conversation.model_copy(update={"prompts": Conversation().prompts}) == Conversation()
    assert len(scenario.slo) == 3


def test_there_are_enough_prompts_of_each_kind(prompts: tuple[Prompt, ...]) -> None:
    """At least 200 prompts ship, and at least 40 of each kind."""
    count = {kind: sum(prompt.kind == kind for prompt in prompts) for kind in KINDS}
    assert len(prompts) >= 200
    assert {prompt.kind for prompt in prompts} == KINDS
    assert min(count.values()) >= 40


def test_ids_are_unique_and_tell_the_kind(prompts: tuple[Prompt, ...]) -> None:
    """No id occurs twice, and each one begins with its prompt's kind."""
    ids = [prompt.id for prompt in prompts]
    assert len(set(ids)) == len(ids)
    assert [prompt.id for prompt in prompts if not re.fullmatch(rf"{prompt.kind}-\d{{3}}", prompt.id)] == []


def test_support_is_a_dialogue(prompts: tuple[Prompt, ...]) -> None:
    """Support chats have two to four turns."""
    assert {len(prompt.turns) for prompt in prompts if prompt.kind == "support"} == {2, 3, 4}


def test_every_prompt_says_how_long_its_answers_are(prompts: tuple[Prompt, ...]) -> None:
    """Each prompt has an expected length, and long-form answers are the longest."""
    lengths: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for prompt in prompts:
        lengths[prompt.kind].append(prompt.expected_output_tokens or 0)
    assert all(length > 0 for kind in KINDS for length in lengths[kind])
    assert min(lengths["longform"]) > max(lengths["support"])


def test_no_two_prompts_are_nearly_the_same(prompts: tuple[Prompt, ...]) -> None:
    """Runs of five letters, blanks and case aside, are shared by no two prompts to 60 %."""
    grams = {prompt.id: five_grams(" ".join(prompt.turns)) for prompt in prompts}
    twins = [(a, b) for a, b in itertools.combinations(grams, 2) if jaccard(grams[a], grams[b]) >= SAME]
    assert twins == []


def five_grams(text: str) -> frozenset[str]:
    """Give the runs of five characters of `text`, only letters and digits, in one case; a shorter text is one run."""
    plain = "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum()) or text
    return frozenset(plain[start : start + 5] for start in range(max(len(plain) - 4, 1)))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Give the shared part: the size of the intersection over that of the union."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


@pytest.mark.parametrize(
    "awkward",
    [
        pytest.param(r"(?s)\A=\w+\(", id="formula"),
        pytest.param(r"\A\W\Z", id="one character"),
        pytest.param(r"```", id="code"),
        pytest.param(r"(?m)^data: \[DONE\]", id="event stream"),
        pytest.param(r'\\"', id="escaped quote"),
        pytest.param(r"<script>", id="markup"),
        pytest.param(r"[\u0590-\u06ff]", id="right to left"),
        pytest.param(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]", id="East Asian"),
        pytest.param(r"[\U0001f300-\U0001faff]\u200d", id="joined emoji"),
    ],
)
def test_awkward_text_is_among_the_prompts(prompts: tuple[Prompt, ...], awkward: str) -> None:
    """Text that breaks careless programs is said by some user."""
    assert any(re.search(awkward, turn) for prompt in prompts for turn in prompt.turns)


def test_the_experiment_is_fair_and_short() -> None:
    """Its models differ in nothing but the limit, both policies get the same traffic, and it ends in six minutes."""
    scenario = load(HERE / "naive-vs-honored.yaml")
    models = [endpoint.simulated for endpoint in scenario.endpoints.values() if endpoint.simulated]
    unlimited = [model.model_copy(update={"limit": None}) for model in models]
    limits = [model.limit for model in models if model.limit]
    arms = {name: scenario.for_arm(name) for name in scenario.arms}
    loads = [arms[arm].traffic for _, arm in scenario.pairs]
    assert unlimited == [unlimited[0]] * 3
    assert {limit.kind for limit in limits} == {"fixed_window", "token_bucket"}
    assert {limit.requests / limit.per for limit in limits} == {20}
    assert {arms[name].throttle.policy for name in arms if name.startswith("naive")} == {"naive"}
    assert arms["naive-burst"].traffic == arms["honored-burst"].traffic
    assert arms["naive-steady"].traffic == arms["honored-steady"].traffic
    assert sum(traffic.ramp + traffic.warm_up + traffic.steady + traffic.drain / 2 for traffic in loads) <= 360


def test_what_the_quality_prompts_expect_can_be_met() -> None:
    """Each shipped case that is graded can be answered right by a simulated model, and seen to be."""
    for scenario in (load(HERE / "quality.yaml"), load(HERE / "quickstart.yaml")):
        for said, expect in expectations(scenario.conversation.prompts).items():
            played = {kind: grade(expect, Said(said, text), default()) for kind, text in parts_of(expect).items()}
            assert {kind: found.verdict for kind, found in played.items()} == {kind: kind for kind in played}, said


def test_the_quality_scenario_grades_every_kind() -> None:
    """At least ten cases each: facts, answers from a text, what is not known, what must be refused."""
    kinds = Counter(prompt.kind for prompt in load(HERE / "quality.yaml").conversation.prompts if prompt.graded)
    assert set(kinds) == {"facts", "grounded", "unknown", "policy"}
    assert min(kinds.values()) >= 10
