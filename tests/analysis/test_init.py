"""`tailgate init`: the first scenario that a newcomer gets."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios.scenario import load

Tailgate = Callable[..., subprocess.CompletedProcess[str]]
REAL = ("--url", "http://127.0.0.1:9/v1", "--model", "m: 'x'", "--key-env", "SOME_KEY")


def test_what_it_writes_passes_its_check(tailgate: Tailgate, tmp_path: Path) -> None:
    """The scenario is valid as it is, each of its lines gets enough samples, and its comments name it."""
    made, checked = tailgate("init"), tailgate("check", "chat.yaml")
    assert (made.returncode, checked.returncode, "too few" in checked.stdout) == (0, 0, False)
    assert made.stdout.splitlines()[-1] == "Next: tailgate check chat.yaml && tailgate run chat.yaml"
    assert "tailgate run chat.yaml " in (tmp_path / "chat.yaml").read_text()


def test_a_real_endpoint_stands_in_its_place(tailgate: Tailgate, tmp_path: Path) -> None:
    """URL, model and the key's variable are written so that any text of them is read back."""
    done = tailgate("init", "mine.yaml", *REAL)
    endpoint = load(tmp_path / "mine.yaml", check_env=False).endpoints["candidate"]
    assert (done.returncode, endpoint.simulated, "export SOME_KEY=" in done.stdout) == (0, None, True)
    assert (endpoint.url, endpoint.model, endpoint.key_env) == ("http://127.0.0.1:9/v1", "m: 'x'", "SOME_KEY")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("taken.yaml",), "taken.yaml: is there already"),
        (("chat.json",), "a scenario's name ends in .yaml"),
        (("gone/chat.yaml",), "gone/chat.yaml: cannot be written"),
        (("--model", "gpt-5"), "add --url"),
        (("--url", "nonsense"), "endpoints.candidate.url: "),
        (("--url", "http://h/v1", "--key-env", "sk-abcdefghijklmnopqrstuvwxyz012345"), "endpoints.candidate.key_env: "),
    ],
)
def test_mistakes_are_one_line(tailgate: Tailgate, tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    """Each is named, exit code 2, and nothing is written over or left behind."""
    (tmp_path / "taken.yaml").write_text("mine")
    done = tailgate("init", *arguments)
    assert (done.returncode, expected in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert ([path.name for path in tmp_path.iterdir()], (tmp_path / "taken.yaml").read_text()) == (
        ["taken.yaml"],
        "mine",
    )
