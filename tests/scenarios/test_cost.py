"""The cost key: a month's traffic, whole or by endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.errors import ScenarioError
from scenarios.scenario import Scenario, load

ENDPOINTS = "endpoints: {small: {simulated: {}}, large: {simulated: {}}}\n"


@pytest.mark.parametrize(
    ("written", "expected"), [("1000000", 1_000_000), ("{small: 800, large: 200}", {"small": 800, "large": 200})]
)
def test_monthly_turns(tmp_path: Path, written: str, expected: object) -> None:
    """A number is for every endpoint alone, a mapping is a mix; both come through run.json."""
    file = tmp_path / "a.yaml"
    file.write_text(f"{ENDPOINTS}cost: {{monthly_turns: {written}}}\n")
    scenario = load(file)
    assert scenario.cost is not None
    assert (scenario.cost.monthly_turns, Scenario.from_document(scenario.to_document())) == (expected, scenario)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{monthly_turns: 0}", "2:23: cost.monthly_turns: 0 is out of range: write a number above 0"),
        ("{monthly_turns: {tiny: 5}}", "there is no endpoint tiny: known are small, large"),
        ("{}", "monthly_turns"),
    ],
)
def test_mistakes(tmp_path: Path, written: str, expected: str) -> None:
    """What cannot be is one line that says so."""
    file = tmp_path / "a.yaml"
    file.write_text(f"{ENDPOINTS}cost: {written}\n")
    with pytest.raises(ScenarioError) as caught:
        load(file)
    assert expected in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
