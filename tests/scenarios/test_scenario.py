"""Scenario files: what loads, how every problem is named with its place, and that documents lose nothing."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scenarios.distribution import Distribution
from scenarios.errors import ExitCode, ScenarioError
from scenarios.prompts import DEFAULT_PROMPTS
from scenarios.scenario import Conversation, Endpoint, Scenario, Simulated, Throttle, Traffic, Turns, json_schema, load

CONTRACT = """\
name: first-look
seed: 7
endpoints:
  large:
    api: openai-chat                # one of scenarios/wire/
    url: https://api.example.com/v1
    model: gpt-5
    key_env: OPENAI_API_KEY         # the NAME of a variable; a key itself in the file is an error
    prices: {input: 1.25, cached_input: 0.125, output: 10.0}
  small:
    simulated: {ttft: {median: 120ms, p99: 400ms}, tokens_per_second: 80, output_tokens: {median: 120, p99: 400}}
traffic:
  users: 500
  ramp: 30s
  warm_up: 30s
  steady: 5m
  think_time: {median: 4s, p99: 20s}
conversation:
  prompts: prompts/chat.jsonl
  turns: {min: 1, max: 4}
  max_output_tokens: 256
  stream: true
throttle: {policy: honor, max_wait: 120s}
slo:
  - p95(ttft_ms) < 800
  - p99(response_time_ms) < 6000
  - cost_per_1k_responses_usd < 2.50
  - throttled_share < 1%
  - accuracy >= 0.85
"""
ONE = "endpoints: {a: {simulated: {}}}\n"
"""A complete scenario on one line; what is tested follows from line 2 on."""
KEY = "sk-abcdefghijklmnopqrstuvwxyz012345"


def problems(path: Path) -> list[str]:
    """Give what loading says, without the file's name."""
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert caught.value.code is ExitCode.USAGE
    assert all(line.startswith(f"{path}:") for line in caught.value.problems)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [line.removeprefix(f"{path}:") for line in caught.value.problems]


def written(folder: Path, text: str, name: str = "s.yaml") -> Path:
    """Write a scenario file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """Give the contract's example, loaded."""
    monkeypatch.setenv("OPENAI_API_KEY", "the-key-itself")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/chat.jsonl").write_text('{"id": "a", "kind": "support", "turns": ["Hello"]}\n')
    return load(written(tmp_path, CONTRACT))


def test_the_contracts_example_loads(contract: Scenario) -> None:
    """Each key has the meaning that the contract gives it."""
    large, small = contract.endpoints["large"], contract.endpoints["small"]
    assert (large.url, large.model, large.key_env) == ("https://api.example.com/v1", "gpt-5", "OPENAI_API_KEY")
    assert small.simulated == Simulated.model_validate(
        {"ttft": Distribution.of(0.12, 0.4), "tokens_per_second": 80, "output_tokens": Distribution.of(120, 400)}
    )
    assert contract.traffic == Traffic.model_validate(
        {"users": 500, "ramp": "30s", "warm_up": "30s", "steady": "5m", "think_time": Distribution.of(4, 20)}
    )
    assert contract.conversation.turns == Turns(min=1, max=4)
    assert [prompt.id for prompt in contract.conversation.prompts] == ["a"]
    assert contract.throttle == Throttle(policy="honor")
    assert [slo.text for slo in contract.slo] == [line[4:] for line in CONTRACT.splitlines()[-5:]]


def test_one_endpoint_is_a_complete_scenario(tmp_path: Path) -> None:
    """Everything else has a default, the name is the file's."""
    scenario = load(written(tmp_path, ONE, "my first try.yaml"))
    assert scenario == Scenario(name="my-first-try", endpoints={"a": Endpoint(simulated=Simulated())})
    assert scenario.conversation.prompts == DEFAULT_PROMPTS


def test_anchors_merges_and_a_place_for_them(tmp_path: Path) -> None:
    """YAML's own ways not to repeat oneself work, and a merged key may be said anew."""
    text = "x-base: &b {simulated: {}, model: m}\nendpoints:\n  a: *b\n  b: {<<: *b, model: n}\n"
    assert {name: one.model for name, one in load(written(tmp_path, text)).endpoints.items()} == {"a": "m", "b": "n"}


@pytest.mark.parametrize(("short", "turns"), [("3", (3, 3)), ("{min: 2}", (2, 2)), ("{max: 5}", (1, 5))])
def test_turns_can_be_a_number_or_half_a_range(short: str, turns: tuple[int, int], tmp_path: Path) -> None:
    """A number is both ends; a lone minimum is also the maximum."""
    loaded = load(written(tmp_path, ONE + f"conversation: {{turns: {short}}}\n")).conversation.turns
    assert (loaded.min, loaded.max) == turns


def test_naive_users_may_hammer_this_machine_or_be_told_to(tmp_path: Path) -> None:
    """Loopback needs no word; another machine needs one."""
    here = "endpoints: {a: {url: 'http://127.0.0.1:8080/v1'}, b: {url: 'http://[::1]/v1'}}\nthrottle: {policy: naive}\n"
    there = "endpoints: {a: {url: 'http://h/v1'}}\nthrottle: {policy: naive, i_know_this_hammers: true}\n"
    assert [load(written(tmp_path, text)).throttle.policy for text in (here, there)] == ["naive", "naive"]


def test_files_that_are_none(tmp_path: Path) -> None:
    """A missing file, a near miss, a folder, and text that is not UTF-8."""
    written(tmp_path, ONE, "quickstart.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: x\nseed: caf\xe9\n")
    assert problems(tmp_path / "nowhere" / "s.yaml") == ["1:1: there is no such file: check its path"]
    near = f"1:1: there is no such file: did you mean {tmp_path / 'quickstart.yaml'}?"
    assert problems(tmp_path / "quikstart.yaml") == [near]
    assert problems(tmp_path) == ["1:1: this is a folder: name a scenario file in it"]
    assert problems(tmp_path / "latin.yaml") == ["2:10: this is not UTF-8 text: save the file as UTF-8"]


def test_windows_files_load(tmp_path: Path) -> None:
    """A byte-order mark and CRLF change nothing, places included."""
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + (ONE + "sed: 1\n").replace("\n", "\r\n").encode())
    assert problems(path) == ["2:1: sed is not a known key: did you mean seed?"]


def test_problems_name_the_file_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path stays relative."""
    written(tmp_path, ONE + "sed: 1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError, match=r"^s\.yaml:2:1: "):
        load("s.yaml")


def test_a_variable_must_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint's key is looked for before anything is sent, unless the caller says not to."""
    monkeypatch.delenv("MY_KEY", raising=False)
    path = written(tmp_path, "endpoints:\n  a:\n    url: http://127.0.0.1:1\n    key_env: MY_KEY\n")
    assert problems(path) == ["4:14: endpoints.a.key_env: MY_KEY is not set: run export MY_KEY=… first"]
    assert load(path, check_env=False).endpoints["a"].key_env == "MY_KEY"


@pytest.mark.parametrize(
    "line",
    [
        f"key_env: {KEY}",
        "key_env: 9f8e7d6c5b4a39281706f5e4d3c2b1a0ab",
        "key_env: my key",
        f"api_key: {KEY}",
        f"url: https://{KEY}@api.example.com/v1",
        "url: https://me:hunter22hunter22@api.example.com/v1",
        f"url: https://api.example.com/v1?key={KEY}",
        f"headers: {{Authorization: Bearer {KEY}}}",
        "headers: {X-Api-Key: hunter22hunter22}",
        f"headers: {{X-Note: {KEY}}}",
        f"model: {KEY}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(line: str, tmp_path: Path) -> None:
    """The message names the place and the remedy, never the secret."""
    url = "" if line.startswith("url") else "    url: https://api.example.com/v1\n"
    said = "\n".join(problems(written(tmp_path, f"endpoints:\n  a:\n    {line}\n{url}")))
    assert said.startswith("3:")
    assert "key_env" in said
    assert not any(secret in said for secret in (KEY, "hunter22", "9f8e7d6c"))


def test_certificates_travel_with_the_document(tmp_path: Path) -> None:
    """A CA file is read where the scenario lies, and workers need no file."""
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    (tmp_path / "ca.pem").write_text(pem)
    text = "endpoints: {a: {url: https://h/v1, ca_file: %s}}\n"
    document = load(written(tmp_path, text % "ca.pem")).to_document()
    assert document["endpoints"]["a"]["ca_pem"] == pem
    assert str(tmp_path) not in json.dumps(document)
    place = f"1:45: endpoints.a.ca_file: {tmp_path / 'no.pem'} cannot be read: name a PEM file of certificates"
    assert problems(written(tmp_path, text % "no.pem")) == [place]


def test_the_document_carries_everything_but_secrets(contract: Scenario) -> None:
    """A worker rebuilds the same scenario from JSON alone; prompts are in it, keys are not."""
    text = json.dumps(contract.to_document())
    assert Scenario.from_document(json.loads(text)) == contract
    assert Scenario.from_document(json.loads(text)).digest == contract.digest
    assert '"Hello"' in text
    assert "the-key-itself" not in text


def test_the_digest_is_the_scenarios_own(contract: Scenario) -> None:
    """Any change of meaning changes it; it is a sha256."""
    other = contract.model_copy(update={"seed": 8})
    assert other.digest != contract.digest
    assert len(contract.digest) == 64


def test_a_bad_document_is_refused() -> None:
    """A document that is none raises the same error as a file."""
    with pytest.raises(ScenarioError, match=r"scenario: traffic\.usres: usres is not a known key"):
        Scenario.from_document({"endpoints": {"a": {"simulated": {}}}, "traffic": {"usres": 3}})


SCHEMA = jsonschema.Draft202012Validator(json_schema())
SECONDS = st.floats(min_value=0.001, max_value=1e6)
SPREADS = st.tuples(SECONDS, st.floats(min_value=1, max_value=30)).map(
    lambda pair: Distribution.of(pair[0], pair[0] * pair[1])
)
SCENARIOS = st.builds(
    lambda seed, ttft, tokens, users, think, prompts, turns, slo: Scenario.model_validate(
        {
            "seed": seed,
            "endpoints": {"a": {"simulated": {"ttft": ttft, "output_tokens": tokens}}},
            "traffic": {"users": users, "think_time": think},
            "conversation": Conversation.model_validate({"prompts": prompts, "turns": turns}),
            "slo": slo,
        }
    ),
    st.integers(min_value=0, max_value=2**63),
    SPREADS,
    st.integers(min_value=1, max_value=4000),
    st.integers(min_value=1, max_value=10_000),
    SPREADS,
    st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=3),
    st.integers(min_value=1, max_value=9),
    st.lists(st.sampled_from(["p95(ttft_ms) < 800", "throttled_share < 1%", "mean(gap_ms) <= 0.1s"]), max_size=3),
)


@given(SCENARIOS)
def test_a_document_loses_nothing(scenario: Scenario) -> None:
    """Through JSON and back is the same scenario, the same document, the same digest."""
    document = json.loads(json.dumps(scenario.to_document()))
    again = Scenario.from_document(document)
    assert (again, again.to_document(), again.digest) == (scenario, document, scenario.digest)


@given(SCENARIOS)
def test_a_document_is_a_scenario_file(scenario: Scenario) -> None:
    """What run.json holds passes the schema that editors use."""
    found = [error.message for error in SCHEMA.iter_errors(_without_nulls(scenario.to_document()))]
    assert found == []


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def test_the_schema_takes_the_contracts_example_and_no_typo() -> None:
    """Editors accept what loads, and mark what does not."""
    document = yaml.safe_load(CONTRACT)
    assert list(SCHEMA.iter_errors(document)) == []
    document["trafic"] = document.pop("traffic")
    document["endpoints"]["small"]["simulated"]["ttft"] = "120"
    assert len(list(SCHEMA.iter_errors(document))) == 2


def test_the_schema_describes_every_key() -> None:
    """Each key has a sentence, and each default passes the schema it stands in."""
    schema = json_schema()
    for part in (schema, *schema["$defs"].values()):
        for name, key in part.get("properties", {}).items():
            assert "description" in key or "$ref" in key or part["description"].startswith(("Shares", "A random")), name
            if "default" in key:
                jsonschema.Draft202012Validator({**key, "$defs": schema["$defs"]}).validate(key["default"])


def test_the_floor_carries_nothing_heavy() -> None:
    """Loading a scenario imports neither gevent, pandas nor the price list."""
    code = (
        "import sys, scenarios.scenario, scenarios.plan, scenarios.pricing\n"
        "print(sorted({'gevent', 'locust', 'pandas', 'numpy', 'genai_prices'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
