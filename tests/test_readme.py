"""The README says what is true: its help text is the command's, and what it names is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def help_text(*command: str) -> str:
    """Give the help of a `tailgate` command, 80 columns wide."""
    program = [sys.executable, "-c", "from analysis.cli import main; import sys; sys.argv[0] = 'tailgate'; main()"]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    run = subprocess.run(
        [*program, *command, "--help"], capture_output=True, text=True, check=True, env=environment, cwd=ROOT
    )
    return "\n".join(line.rstrip() for line in run.stdout.strip().splitlines())


def test_the_help_text_is_the_commands() -> None:
    """The block under Commands is what `tailgate --help` prints."""
    block = re.search(r"<!-- tailgate --help -->\n```text\n(.*?)\n```", README, re.DOTALL)
    assert block is not None
    assert help_text() == block.group(1)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_linked_files_are_there(path: str) -> None:
    """Each relative link leads to a file."""
    assert (ROOT / path).is_file()


def test_named_scenarios_are_there() -> None:
    """Each scenario that the README runs ships."""
    named = set(re.findall(r"scenarios/[a-z-]+\.yaml", README))
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "scenarios").glob("*.yaml")} >= named


def test_named_commands_exist() -> None:
    """Each `tailgate COMMAND` in the README is a command."""
    known = set(re.findall(r"^  ([a-z]+)  ", help_text(), re.MULTILINE))
    named = set(re.findall(r"tailgate ([a-z]+)\b(?! /)", re.sub(r"tailgate --help", "", README)))
    assert known >= named - {"is"}
