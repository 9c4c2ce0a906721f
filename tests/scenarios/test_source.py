"""Broken scenario files: each problem is named with its place and its remedy, all of a file at once."""

import copy
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios.errors import ExitCode, ScenarioError
from scenarios.scenario import Scenario, load

ONE = "endpoints: {a: {simulated: {}}}\n"
"""A complete scenario on one line; what is broken follows from line 2 on."""

# The story of each file, its text, and every line that must be said, without the file's name.
BROKEN: dict[str, tuple[str, list[str]]] = {
    "nothing": ("", ["1:1: the file is empty: write at least endpoints: with one endpoint under it"]),
    "comments only": (
        "# later\n",
        ["1:1: the file is empty: write at least endpoints: with one endpoint under it"],
    ),
    "a list": ("- a\n", ["1:1: the file holds no keys: write at least endpoints: with one endpoint under it"]),
    "a word": ("hello\n", ["1:1: the file holds no keys: write at least endpoints: with one endpoint under it"]),
    "a tab": (
        "endpoints:\n\ta: {simulated: {}}\n",
        ["2:1: a tab stands where YAML wants spaces: indent with two spaces"],
    ),
    "a tab after spaces": (
        ONE + "traffic:\n  users: 3\n  \tramp: 3s\n",
        ["4:3: a tab stands where YAML wants spaces: indent with two spaces"],
    ),
    "an open quote": (
        'name: "x\n',
        ["2:1: this is not YAML: found unexpected end of stream: close the quote"],
    ),
    "a colon in text": (
        "name: a: b\n",
        ["1:8: this is not YAML: mapping values are not allowed in this context: put text that holds ': ' in quotes"],
    ),
    "two documents": (
        ONE + "---\n" + ONE,
        ["2:1: this is not YAML: but found another document: keep one scenario per file, without '---' between"],
    ),
    "an unknown anchor": ("a: *b\n", ["1:4: this is not YAML: found undefined alias: define it before with &name"]),
    "an anchor in itself": ("endpoints: &e [*e]\n", ["1:12: an alias that holds itself: write it out plainly"]),
    "a tag": (
        "name: !!python/name:os.system x\n" + ONE,
        ["1:7: the tag tag:yaml.org,2002:python/name:os.system means nothing here: remove it"],
    ),
    "a control character": (
        ONE + "name: a\x07b\n",
        ["2:8: the character '\\x07' has no place in YAML: remove it"],
    ),
    "a key twice": (
        ONE + "seed: 1\ntraffic: {users: 1, users: 2}\nseed: 2\n",
        [
            "3:21: users stands twice, first on line 3: keep one",
            "4:1: seed stands twice, first on line 2: keep one",
        ],
    ),
    "no endpoints": ("name: x\n", ["1:1: endpoints is missing: add it"]),
    "endpoints left empty": ("endpoints: {}\n", ["1:1: endpoints: nothing stands here: write at least one entry"]),
    "endpoints as a list": ("endpoints:\n  - a\n", ["1:1: endpoints: this is a list: write keys and values under it"]),
    "an endpoint nowhere": (
        "endpoints:\n  a: {model: x}\n",
        ["2:3: endpoints.a: neither url nor simulated is given: add url: https://… or simulated: {}"],
    ),
    "an endpoint in two places": (
        "endpoints:\n  a:\n    url: http://127.0.0.1:1/v1\n    simulated: {}\n",
        ["4:5: endpoints.a.simulated: url and simulated exclude each other: keep one"],
    ),
    "a typo in a key": (
        ONE + "trafic: {}\nconversation:\n  max_tokens: 3\n",
        [
            "2:1: trafic is not a known key: did you mean traffic?",
            "4:3: conversation: max_tokens is not a known key: did you mean max_output_tokens?",
        ],
    ),
    "what comes later": (
        ONE + "routing: {}\ntraffic: {requests_per_second: 4}\n",
        [
            "2:1: routing is not supported yet: remove it",
            "3:11: traffic: requests_per_second is not supported yet: remove it",
        ],
    ),
    "wrong types": (
        ONE + 'traffic:\n  users: "500"\n  steady: 30\nconversation: {stream: maybe, turns: [1]}\nseed: 1.5\n',
        [
            "3:10: traffic.users: 500 is text: write a whole number (without quotes)",
            "4:11: traffic.steady: 30 has no unit: write 30s (ms, s, m and h are known)",
            "5:24: conversation.stream: maybe is text: write true or false",
            "5:31: conversation.turns: this is a list: write keys and values under it",
            "6:7: seed: 1.5 is a number: write a whole number",
        ],
    ),
    "out of range": (
        ONE + "traffic: {users: 0, steady: 0s}\nseed: -1\n",
        [
            "2:18: traffic.users: 0 is out of range: write a number above 0",
            "2:29: traffic.steady: 0 is too short: write a duration above 0, such as 30s",
            "3:7: seed: -1 is out of range: write 0 or more",
        ],
    ),
    "a choice misspelt": (
        ONE + "throttle:\n  policy: honour\n",
        ["3:11: throttle.policy: honour is not known: did you mean honor? (known: honor, naive, none)"],
    ),
    "NO is false": (ONE + "name: NO\n", ["2:7: name: YAML reads NO as false: write text (put it in quotes)"]),
    "1.10 is 1.1": (
        "endpoints: {a: {simulated: {}, model: 1.10}}\n",
        ["1:39: endpoints.a.model: YAML reads 1.10 as the number 1.1: write text (put it in quotes)"],
    ),
    "1:30 is 90": (
        ONE + "traffic: {ramp: 1:30, users: 2:00}\n",
        [
            '2:17: YAML reads 1:30 as 90 (base 60): write 90s for a duration, or "1:30" for text',
            '2:30: YAML reads 2:00 as 120 (base 60): write 120s for a duration, or "2:00" for text',
        ],
    ),
    "010 is 8": (ONE + "seed: 010\n", ["2:7: YAML reads 010 as 8 (base 8): leave out the leading 0"]),
    "1e3 is text": (ONE + "seed: 1e3\n", ["2:7: seed: 1e3 is text: write a whole number"]),
    "a date": (
        ONE + "name: 2026-01-01\n",
        ["2:7: name: YAML reads 2026-01-01 as a date: write text (put it in quotes)"],
    ),
    "a key that is no name": (
        "endpoints:\n  on: {simulated: {}}\n  7: {simulated: {}}\n",
        [
            '2:3: YAML reads the key on as true: write "on"',
            '3:3: YAML reads the key 7 as a number: write "7"',
        ],
    ),
    "an endpoint's name": (
        "endpoints:\n  my model: {simulated: {}}\n",
        ["2:3: endpoints: my model is out of range: write a letter first, then letters, digits, '-' or '_' only"],
    ),
    "a section left empty": (
        ONE + "traffic:\n",
        ["2:9: traffic: nothing is given: write keys and values under it, or remove the key"],
    ),
    "an impossible spread": (
        "endpoints:\n  a:\n    simulated: {ttft: {median: 900ms, p99: 0.4s}}\n",
        ["3:44: endpoints.a.simulated.ttft.p99: p99 (0.4s) cannot be below median (900ms)"],
    ),
    "impossible turns": (
        ONE + "conversation: {turns: {min: 4, max: 2}}\n",
        ["2:37: conversation.turns.max: max (2) cannot be below min (4)"],
    ),
    "a limit half said": (
        "endpoints:\n  a:\n    simulated:\n      max_queue: 3\n      limit: {burst: 2}\n",
        [
            "4:18: endpoints.a.simulated.max_queue: nothing waits without concurrency: add it or remove max_queue",
            "5:7: endpoints.a.simulated.limit: kind is missing: add it",
            "5:7: endpoints.a.simulated.limit: requests is missing: add it",
        ],
    ),
    "more faults than requests": (
        "endpoints: {a: {simulated: {faults: {cut: 0.7, stall: 0.7}}}}\n",
        ["1:29: endpoints.a.simulated.faults: the shares add up to 1.4: together they can be at most 1"],
    ),
    "a naive user outside": (
        "endpoints: {a: {url: https://api.example.com/v1}}\nthrottle: {policy: naive}\n",
        ["2:20: throttle.policy: naive would hammer a on another host: use honor, or set i_know_this_hammers: true"],
    ),
    "a URL cut short": (
        "endpoints: {a: {url: 'http://[::1'}}\nthrottle: {policy: naive}\n",
        [
            "1:22: endpoints.a.url: this is no URL: write one such as https://api.example.com/v1",
            "2:20: throttle.policy: naive would hammer a on another host: use honor, or set i_know_this_hammers: true",
        ],
    ),
    "waits that cannot be": (
        ONE + "throttle: {max_wait: 5m, max_total_wait: 1m}\n",
        ["2:42: throttle.max_total_wait: max_total_wait (60s) cannot be below max_wait (300s)"],
    ),
    "a URL of another kind": (
        "endpoints: {a: {url: 'ftp://x/v1'}, b: {url: api.example.com}}\n",
        [
            "1:22: endpoints.a.url: this is no http or https URL: write one such as https://api.example.com/v1",
            "1:46: endpoints.b.url: this is no http or https URL: write one such as https://api.example.com/v1",
        ],
    ),
    "prices": (
        "endpoints: {a: {simulated: {}, prices: {input: free, output: -1}}}\n",
        [
            "1:48: endpoints.a.prices.input: free is text: write a number",
            "1:62: endpoints.a.prices.output: -1 is out of range: write 0 or more",
        ],
    ),
    "a template without a place": (
        "endpoints: {a: {api: generic, simulated: {}, template: {body: {q: x}}}}\n",
        ['1:57: endpoints.a.template.body: nothing says where the prompt goes: put "{prompt}" into a value'],
    ),
    "prompts that say nothing": (
        ONE + "conversation: {prompts: ['', 5]}\n",
        [
            "2:26: conversation.prompts.0: this turn is empty: write what the user says",
            "2:30: conversation.prompts.1: 5 is a number: write text (put it in quotes)",
        ],
    ),
}


@pytest.mark.parametrize("story", BROKEN)
def test_every_problem_is_named_with_its_place(story: str, tmp_path: Path) -> None:
    """All problems of a broken file, in its order, with line and column; nothing else is said."""
    text, expected = BROKEN[story]
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert [line.removeprefix(f"{path}:") for line in caught.value.problems] == expected
    assert caught.value.code is ExitCode.USAGE


WHOLE = """\
endpoints:
  a: {simulated: {ttft: {median: 1s, p99: 2s}, limit: {kind: token_bucket, requests: 3}, faults: {cut: 0.1}}}
  b: {url: http://h/v1, prices: {input: 1, output: 2}, headers: {X-A: b}, ca_file: x.pem, template: {text: a}}
traffic: {users: 3, ramp: 3s, think_time: 1s}
conversation: {prompts: [hi, {id: p, turns: [a]}], turns: {min: 1, max: 2}, timeouts: {idle: 1s}}
throttle: {policy: naive, max_wait: 1s, max_total_wait: 2s}
slo: [p95(ttft_ms) < 800]
"""
JUNK: list[Any] = [None, True, 3, -1, 1.5, float("nan"), 10**30, "", "x", "1s", "\0", [], [1], [None], {}, {"a": 1}]
JUNK += [{"median": "1s"}, {"p99": 3}, b"abc", {1}, dt.date(2020, 1, 1), "p95(ttft_ms) < 3", {"url": 5}, {3: 4}]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of each part of `value`."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from paths(part, (*path, key))


def with_junk(whole: Any, path: tuple[Any, ...], junk: Any) -> Any:
    """Give a copy of `whole` with `junk` at `path`."""
    changed = copy.deepcopy(whole)
    part = changed
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = junk
    return changed


@pytest.mark.parametrize("path", list(paths(yaml.safe_load(WHOLE))), ids=lambda path: ".".join(map(str, path)))
def test_junk_anywhere_is_a_problem_and_never_a_crash(path: tuple[Any, ...], tmp_path: Path) -> None:
    """Whatever stands at a key, in a file or in a document, all that comes out is a line per problem."""
    file, whole = tmp_path / "s.yaml", yaml.safe_load(WHOLE)
    for junk in JUNK:
        changed = with_junk(whole, path, junk)
        file.write_text(yaml.safe_dump(changed), encoding="utf-8")
        with pytest.raises(ScenarioError) as caught:
            load(file)
        assert all(line.startswith(f"{tmp_path}") and "\n" not in line for line in caught.value.problems)
        with pytest.raises(ScenarioError):
            Scenario.from_document({**changed, "nonsense": 1})


@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_a_problem_and_never_a_crash(data: st.DataObject, tmp_path: Path) -> None:
    """Characters lost or slipped in give problems with a place, or another scenario."""
    text = WHOLE
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        slip = data.draw(st.text("\t\n :{}[]-&*!'\"#%@`,<>|0x\u00e9\u2028~?", max_size=3))
        text = text[:at] + slip + text[at + data.draw(st.integers(0, 5)) :]
    file = tmp_path / "s.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        said = [str(load(file).digest)]
    except ScenarioError as error:
        said = [line.removeprefix(f"{tmp_path}") for line in error.problems]
    assert said
    assert all("\n" not in line for line in said)
