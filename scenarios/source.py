"""A scenario file on its way to a model: every problem found is named with its place, all at once."""

import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from scenarios.endpoint import VARIABLES, looks_like_key
from scenarios.errors import ScenarioError
from scenarios.problem import explain
from scenarios.prompt_file import read_prompts
from scenarios.strict import Strict, UnknownKeyError
from scenarios.yaml_tree import Path as Keys
from scenarios.yaml_tree import Place, Tree, parse

Model = TypeVar("Model", bound=Strict)

SHIPPED = Path(__file__).parent
"""The folder with the scenarios and prompts that ship."""


def read(file: str, model: type[Model], *, check_env: bool) -> Model:
    """Read `file` as a `model`. Raises ScenarioError with all problems, sorted by place."""
    tree = parse(_text(file), file)
    if tree.data is None or not isinstance(tree.data, dict):
        if not tree.problems:
            tree.add((1, 1), "the file holds no keys: write at least endpoints: with one endpoint under it")
        raise _error(tree)
    _note_secrets(tree)
    if "endpoints" in model.model_fields:
        _prepare(tree)
    if check_env:
        _note_missing_variables(tree)
    return _validate(tree, model)


def _text(file: str) -> str:
    try:
        raw = Path(file).read_bytes()
    except OSError as error:
        raise ScenarioError([f"{file}:1:1: {_unreadable(Path(file), error)}"]) from None
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = len(raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start].decode(errors="replace")) + 1
        raise ScenarioError([f"{file}:{line}:{column}: this is not UTF-8 text: save the file as UTF-8"]) from None


def _unreadable(path: Path, error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "this is a folder: name a scenario file in it"
    if isinstance(error, FileNotFoundError):
        return f"there is no such file{_similar(path)}"
    return f"the file cannot be read ({error.strerror}): check its permissions"


def _similar(path: Path) -> str:
    folder = path.parent
    names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    close = get_close_matches(path.name, names, n=1)
    return f": did you mean {folder / close[0]}?" if close else ": check its path"


def _prepare(tree: Tree) -> None:
    """Fill in what the file leaves to its surroundings: its name, its prompts, its certificates."""
    tree.data = {key: value for key, value in tree.data.items() if not key.startswith("x-")}
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(tree.file).stem).strip("-._")
    tree.data.setdefault("name", stem or "scenario")
    conversation = tree.data.get("conversation")
    if isinstance(conversation, dict) and isinstance(conversation.get("prompts"), str):
        tree.data["conversation"] = {**conversation, **_prompts(tree, conversation["prompts"])}
    quality = tree.data.get("quality")
    if isinstance(quality, dict) and isinstance(quality.get("rubric"), str):
        tree.data["quality"] = {**quality, "rubric": _rubric(tree, quality["rubric"])}
    for name, endpoint in _endpoints(tree):
        if isinstance(endpoint.get("ca_file"), str):
            endpoint["ca_file"] = Path(tree.file).parent / endpoint["ca_file"]
            endpoint["ca_pem"] = _certificates(tree, name, endpoint["ca_file"])


def _endpoints(tree: Tree) -> Iterator[tuple[str, dict[str, Any]]]:
    endpoints = tree.data.get("endpoints")
    for name, endpoint in endpoints.items() if isinstance(endpoints, dict) else ():
        if isinstance(endpoint, dict):
            yield name, endpoint


def _beside(tree: Tree, keys: Keys, written: str) -> Path | None:
    """Find a file that the scenario names, beside it or among those that ship."""
    here = Path(tree.file).parent / written
    path = next((path for path in (here, SHIPPED / written) if path.is_file()), None)
    if path is None:
        said = f"there is no file {here}, and none ships as {written}{_similar(here)}"
        tree.add(tree.value_place(keys), f"{_label(keys)}{said}")
    return path


def _rubric(tree: Tree, written: str) -> Any:
    """Give what a rubric file holds; what is wrong with its values is named where the scenario names the file."""
    path = _beside(tree, ("quality", "rubric"), written)
    if path is None:
        return {}
    try:
        found = parse(_text(str(path)), str(path))
    except ScenarioError as error:
        tree.add(tree.value_place(("quality", "rubric")), f"quality.rubric: {error}")
        return {}
    tree.problems += found.problems
    return {} if found.data is None else found.data


def _prompts(tree: Tree, written: str) -> dict[str, Any]:
    path = _beside(tree, ("conversation", "prompts"), written)
    if path is None:
        return {"prompts": ["missing"]}
    prompts, problems = read_prompts(path)
    tree.problems += problems
    return {"prompts": prompts or ["missing"]}


def _certificates(tree: Tree, name: str, path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        text = ""
    if "-----BEGIN CERTIFICATE-----" in text and "PRIVATE KEY" not in text:
        return text
    what = "holds a private key or no certificate" if text else "cannot be read"
    place = tree.value_place(("endpoints", name, "ca_file"))
    tree.add(place, f"endpoints.{name}.ca_file: {path} {what}: name a PEM file of certificates")
    return None


def _note_secrets(tree: Tree) -> None:
    for path, text in tree.raw.items():
        if path[-1:] not in {(key,) for key in VARIABLES} and looks_like_key(text):
            remedy = "keep keys in environment variables, name the variable with key_env, and replace this key"
            tree.add(tree.values[path], f"{_label(path)}this looks like an API key: {remedy}")


def _note_missing_variables(tree: Tree) -> None:
    for path in [("endpoints", name, key) for name, _ in _endpoints(tree) for key in VARIABLES]:
        variable = tree.data["endpoints"][path[1]].get(path[2])
        if not isinstance(variable, str) or not re.fullmatch(r"[A-Za-z_]\w*", variable) or looks_like_key(variable):
            continue
        if not os.environ.get(variable):
            tree.add(tree.values[path], f"{_label(path)}{variable} is not set: run export {variable}=… first")


def _validate(tree: Tree, model: type[Model]) -> Model:
    try:
        value = model.model_validate(tree.data)
    except ValidationError as error:
        # One mistake often shows twice, and the first finder knew more about it.
        settled = {(problem.line, problem.column) for problem in tree.problems if problem.file == tree.file}
        for found in error.errors(include_url=False):
            _note(tree, found, settled)
        raise _error(tree) from None
    if tree.problems:
        raise _error(tree)
    return value


def _note(tree: Tree, found: ErrorDetails, settled: set[Place]) -> None:
    path = tree.known(found["loc"])
    of_key = found["loc"][-1:] == ("[key]",) or isinstance(found.get("ctx", {}).get("error"), UnknownKeyError)
    label = path[:-1] if of_key else path
    of_key = of_key or found["type"] == "missing"
    place = tree.key_place(path) if of_key else tree.value_place(path)
    if place in settled:
        return
    raw = str(path[-1]) if of_key and path else tree.raw.get(path)
    tree.add(place, f"{_label(label)}{explain(found, None if _private(path) else raw)}")


def _label(path: Keys) -> str:
    return f"{'.'.join(str(part) for part in path)}: " if path else ""


def _private(path: Keys) -> bool:
    return any(part in {*VARIABLES, "headers", "url", "proxy"} for part in path)


def _error(tree: Tree) -> ScenarioError:
    in_order = sorted(set(tree.problems), key=lambda problem: (problem.file != tree.file, problem))
    return ScenarioError([str(problem) for problem in in_order])
