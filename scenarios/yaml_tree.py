"""A YAML file as plain values, with the place of each key and value, and what YAML makes of them unasked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from scenarios.problem import Problem

Path = tuple[str | int, ...]
Place = tuple[int, int]

_MOST_NODES = 200_000
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STRING = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(slots=True)
class Tree:
    """What a YAML file says: `data`, and by path the place of keys and values and each scalar as written."""

    file: str
    data: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    raw: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, place: Place, text: str) -> None:
        """Note one more problem."""
        self.problems.append(Problem(self.file, *place, text))

    def known(self, loc: tuple[str | int, ...]) -> Path:
        """Give the longest path of this file along `loc`, leaving out parts that the file does not have."""
        path: Path = ()
        for part in loc:
            path = (*path, part) if (*path, part) in self.values else path
        return path

    def key_place(self, path: Path) -> Place:
        """Give where the key of `path` stands; the file's start for the whole."""
        return self.keys.get(path) or self.values.get(path) or (1, 1)

    def value_place(self, path: Path) -> Place:
        """Give where the value of `path` stands; for what has parts, where its key stands."""
        return self.values[path] if path in self.raw else self.key_place(path)


def parse(text: str, file: str) -> Tree:
    """Read `text`; syntax errors and double keys are noted in the tree's problems, never raised."""
    tree = Tree(file)
    control = _CONTROL.search(text)
    if control is not None:
        place = _place_of(text, control.start())
        tree.add(place, f"the character {control.group()!r} has no place in YAML: remove it")
        return tree
    node = _compose(text, tree)
    if node is not None:
        for mapping in _mappings(node):
            _note_double_keys(mapping, tree)
        _Builder(tree).build_all(node)
    elif not tree.problems:
        tree.add((1, 1), "the file is empty: write at least endpoints: with one endpoint under it")
    return tree


def _place_of(text: str, index: int) -> Place:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _compose(text: str, tree: Tree) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        tree.add(*_syntax(text, place, error))
    except (yaml.YAMLError, RecursionError) as error:
        tree.add((1, 1), f"this is not YAML: {type(error).__name__}")
    return None


def _syntax(text: str, place: Place, error: yaml.MarkedYAMLError) -> tuple[Place, str]:
    lines = text.splitlines()
    for number in (place[0], place[0] - 1):
        tab = re.match(r" *\t", lines[number - 1]) if 0 < number <= len(lines) else None
        if tab:
            return (number, tab.end()), "a tab stands where YAML wants spaces: indent with two spaces"
    problem = error.problem or "unreadable"
    return place, f"this is not YAML: {problem}: {_remedy(problem)}"


def _remedy(problem: str) -> str:
    remedies = {
        "mapping values are not allowed": "put text that holds ': ' in quotes",
        "could not find expected ':'": "write 'key: value'",
        "did not find expected key": "check the indentation, and that brackets and quotes are closed",
        "did not find expected '-'": "check the indentation of the list",
        "cannot start any token": "put the text in quotes",
        "undefined alias": "define it before with &name",
        "single document": "keep one scenario per file, without '---' between",
        "but found another document": "keep one scenario per file, without '---' between",
        "unexpected end of stream": "close the quote",
    }
    return next(
        (remedy for part, remedy in remedies.items() if part in problem), "check indentation, brackets and quotes"
    )


def _mappings(root: yaml.Node) -> Iterator[yaml.MappingNode]:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            waiting.extend(value for _, value in node.value)
        else:
            waiting.extend(node.value)


def _note_double_keys(mapping: yaml.MappingNode, tree: Tree) -> None:
    first: dict[str, int] = {}
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
            continue
        if key.value in first:
            tree.add(_start(key), f"{key.value} stands twice, first on line {first[key.value]}: keep one")
        first.setdefault(key.value, _start(key)[0])


def _start(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Builder:
    """Turns nodes into values; keeps the places on the way."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.constructor = yaml.constructor.SafeConstructor()
        self.open: set[int] = set()
        self.nodes = 0

    def build_all(self, root: yaml.Node) -> None:
        try:
            self.tree.data = self.build(root, ())
        except (yaml.constructor.ConstructorError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None) or root.start_mark
            self.tree.add(
                (mark.line + 1, mark.column + 1), f"{getattr(error, 'problem', 'too deep')}: write it out plainly"
            )

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.nodes += 1
        if id(node) in self.open or self.nodes > _MOST_NODES:
            what = "an alias that holds itself" if id(node) in self.open else "aliases that unfold without end"
            raise yaml.constructor.ConstructorError(None, None, what, node.start_mark)
        self.tree.values[path] = _start(node)
        tag_known = node.tag in yaml.constructor.SafeConstructor.yaml_constructors
        if not tag_known:
            self.tree.add(_start(node), f"the tag {node.tag} means nothing here: remove it")
        if isinstance(node, yaml.ScalarNode):
            self.tree.raw[path] = node.value
            return self._scalar(node) if tag_known else node.value
        self.open.add(id(node))
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        self.open.discard(id(node))
        return value

    def _sequence(self, node: yaml.Node, path: Path) -> list[Any]:
        return [self.build(item, (*path, number)) for number, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        self.constructor.flatten_mapping(node)
        built = {}
        for key, value in node.value:
            name = self._key(key)
            if name is None:
                continue
            self.tree.keys.setdefault((*path, name), _start(key))
            built[name] = self.build(value, (*path, name))
        return built

    def _key(self, key: yaml.Node) -> str | None:
        if not isinstance(key, yaml.ScalarNode):
            self.tree.add(_start(key), "a list or mapping cannot be a key: write a name")
            return None
        if key.tag != _STRING:
            read = str(self.constructor.construct_object(key)).lower()
            as_what = read if read != key.value else "a number"
            self.tree.add(_start(key), f'YAML reads the key {key.value} as {as_what}: write "{key.value}"')
        return str(key.value)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            value = self.constructor.construct_object(node)
        except ValueError:
            self.tree.add(_start(node), f'YAML cannot read {node.value} as a date: write "{node.value}"')
            return node.value
        surprise = _surprise(node.value, value) if not node.style else ""
        if surprise:
            self.tree.add(_start(node), surprise)
        return value


def _surprise(written: str, value: object) -> str:
    """Say what YAML 1.1 makes of a number that nobody means that way."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if ":" in written:
        return f'YAML reads {written} as {value:g} (base 60): write {value:g}s for a duration, or "{written}" for text'
    if re.fullmatch(r"[-+]?0[0-9_]+", written):
        return f"YAML reads {written} as {value} (base 8): leave out the leading 0"
    return ""
