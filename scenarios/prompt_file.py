"""Prompts from a JSON-lines file: one prompt per line, each problem named by its line."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scenarios.problem import Problem, explain
from scenarios.prompts import Prompt

_MOST_PROBLEMS = 20
_EXAMPLE = '{"id": "support-001", "turns": ["What the user says"]}'


def read_prompts(path: Path) -> tuple[list[Prompt], list[Problem]]:
    """Read `path`; give the good prompts and what is wrong with the others."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except OSError as error:
        return [], [Problem(str(path), 1, 1, f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return [], [Problem(str(path), line, 1, "this is not UTF-8 text: save the file as UTF-8")]
    return _read_lines(str(path), lines)


def _read_lines(file: str, lines: list[str]) -> tuple[list[Prompt], list[Problem]]:
    prompts: dict[str, Prompt] = {}
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        prompt, found = _read_line(file, number, line)
        problems += found
        if prompt is not None and prompt.id in prompts:
            problems.append(Problem(file, number, 1, f"id {prompt.id} stands twice: give each prompt its own"))
        if prompt is not None:
            prompts[prompt.id] = prompt
    if not prompts and not problems:
        problems.append(Problem(file, 1, 1, f"the file holds no prompts: write one per line, such as {_EXAMPLE}"))
    return list(prompts.values()), _first(problems)


def _first(problems: list[Problem]) -> list[Problem]:
    if len(problems) <= _MOST_PROBLEMS:
        return problems
    last = problems[_MOST_PROBLEMS]
    more = f"{last.text} (and {len(problems) - _MOST_PROBLEMS - 1} more problems in this file)"
    return [*problems[:_MOST_PROBLEMS], Problem(last.file, last.line, last.column, more)]


def _read_line(file: str, number: int, line: str) -> tuple[Prompt | None, list[Problem]]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        return None, [Problem(file, number, error.colno, f"this is not JSON ({error.msg}): write {_EXAMPLE}")]
    if not isinstance(value, dict):
        return None, [Problem(file, number, 1, f"this is no prompt: write {_EXAMPLE}")]
    try:
        return Prompt.model_validate(value), []
    except ValidationError as error:
        return None, [Problem(file, number, 1, _said(dict(found))) for found in error.errors(include_url=False)]


def _said(found: Any) -> str:
    label = ".".join(str(part) for part in found["loc"] if found["type"] != "missing")
    text = explain(found, repr(found["input"]))
    return f"{label}: {text}" if label else text
