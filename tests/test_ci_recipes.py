"""The CI recipes, as the schemas of their hosts read them; tests/live/test_ci_recipes.py runs their commands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scenarios.scenario import load

ROOT = Path(__file__).parent.parent
CI = ROOT / "docker" / "ci"


@pytest.mark.parametrize(
    ("recipe", "schema"),
    [
        ("github.yml", ("--builtin-schema", "vendor.github-workflows")),
        ("gitlab.yml", ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")),
    ],
)
def test_a_recipe_keeps_its_hosts_schema(recipe: str, schema: tuple[str, ...]) -> None:
    """The host's own JSON Schema has no complaint."""
    program = shutil.which("check-jsonschema", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("check-jsonschema is not installed: pip install 'tailgate[dev]'")
    done = subprocess.run([program, *schema, CI / recipe], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout if done.returncode else "") == (0, "")


@pytest.mark.parametrize("recipe", ["github.yml", "gitlab.yml"])
def test_a_recipe_works_as_it_is(recipe: str) -> None:
    """Its scenario ships, needs no key and is simulated; every image and action carries a version."""
    text = (CI / recipe).read_text(encoding="utf-8")
    scenario = load(ROOT / re.findall(r"SCENARIO: (\S+)", text)[0])
    assert [name for name, each in scenario.endpoints.items() if not each.simulated or each.key_env] == []
    assert [use for use in re.findall(r"(?:uses|image): (\S+)", text) if not re.search(r"[@:]v?[0-9]", use)] == []


def test_the_recipes_give_the_same_commands() -> None:
    """What GitHub runs before it shows anything is what GitLab runs."""
    github = yaml.safe_load((CI / "github.yml").read_text(encoding="utf-8"))["jobs"]["load"]["steps"]
    gitlab = yaml.safe_load((CI / "gitlab.yml").read_text(encoding="utf-8"))["load"]["script"]
    assert [step["run"] for step in github if "run" in step and "if" not in step] == gitlab
