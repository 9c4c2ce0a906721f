"""The house rules that a machine can check: who may import whom, and the budgets."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WINGS = ("scenarios", "locustfiles", "analysis")
FORBIDDEN = {
    "scenarios": {"locust", "gevent", "geventhttpclient", "pandas", "scipy", "locustfiles", "analysis"},
    "locustfiles": {"pandas", "scipy", "analysis"},
    "analysis": {"locust", "gevent", "geventhttpclient", "locustfiles"},
}
MAX_FUNCTION_LINES = 50
MAX_MODULE_LINES = 300
MAX_MEDIAN_FUNCTION_LINES = 10


def modules(*folders: str) -> list[Path]:
    """Give every Python file under `folders`."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Give every function in a file, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def line_count(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def imported_packages(path: Path) -> set[str]:
    """Give the top-level names that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: imports are absolute here"
            names.add(str(node.module).split(".")[0])
    return names


def relative(path: Path) -> str:
    """Name a file as seen from the root."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", modules(*WINGS), ids=relative)
def test_no_arrow_between_the_wings(path: Path) -> None:
    """A module imports nothing that its wing may not know."""
    wing = path.relative_to(ROOT).parts[0]
    expected: set[str] = set()
    assert imported_packages(path) & FORBIDDEN[wing] == expected


def test_ground_floor_loads_neither_pandas_nor_gevent() -> None:
    """Importing every module of the ground floor in a fresh process leaves the wings' libraries unloaded."""
    names = [
        relative(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in modules("scenarios")
    ]
    names = [name for name in names if not name.endswith("__main__")]
    assert loaded_by("; ".join(f"import {name}" for name in names)) == set()


def test_command_line_starts_without_heavy_imports() -> None:
    """Importing the command line loads none of the libraries that take seconds."""
    assert loaded_by("import analysis.cli") == set()


def loaded_by(statement: str) -> set[str]:
    """Give which heavy libraries a fresh process holds after `statement`."""
    heavy = ("pandas", "numpy", "scipy", "gevent", "locust")
    program = f"{statement}\nimport sys\nprint(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("path", modules(*WINGS), ids=relative)
def test_budgets(path: Path) -> None:
    """Modules have at most 300 lines, functions 50."""
    too_long = [
        f"{node.name}: {line_count(node)} lines" for node in functions(path) if line_count(node) > MAX_FUNCTION_LINES
    ]
    assert (len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES, too_long) == (True, [])


def test_median_function() -> None:
    """Half of all functions have ten lines or fewer."""
    lengths = sorted(line_count(node) for path in modules(*WINGS) for node in functions(path))
    assert lengths[len(lengths) // 2] <= MAX_MEDIAN_FUNCTION_LINES


@pytest.mark.parametrize("path", modules("tests"), ids=relative)
def test_each_test_says_what_it_shows(path: Path) -> None:
    """Each test function has a docstring."""
    silent = [node.name for node in functions(path) if node.name.startswith("test_") and not ast.get_docstring(node)]
    assert silent == []


def committed_files() -> list[Path]:
    """Give the text files under version control, or every file when this is no checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.split("\0") if listed.returncode == 0 else map(relative, modules(*WINGS, "tests"))
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_no_machine_in_the_files() -> None:
    """No committed file names a developer's home or a package host."""
    # Homes inside container images are nobody's machine.
    traces = re.compile(r"/home/(?!locust|tailgate)\w|/work/\w|/root/\w|files\.pythonhosted\.org|pypi\.org/simple")
    found = [
        f"{relative(path)}: {trace[0]}"
        for path in committed_files()
        for trace in traces.finditer(path.read_text(encoding="utf-8", errors="ignore"))
        if path != Path(__file__)
    ]
    assert found == []
