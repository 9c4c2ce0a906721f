"""Purity: no function of the analysis changes what it is given, over everything that its commands do."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
import pytest
from graded import write_graded
from synthetic import LARGE, TWO_ENDPOINTS, Plan, write_run

import analysis
from analysis.commands.compare import compare_runs
from analysis.commands.dashboard import make_dashboard
from analysis.commands.gate import gate_run
from analysis.commands.matrix import make_matrix
from analysis.commands.report import make_reports
from analysis.comparing import planning
from analysis.comparing.side import entries_of
from analysis.measures import experiment, variance
from analysis.rows.fixed import Fixed
from analysis.rows.read import read_run
from analysis.stats import terms
from scenarios.server_timings import FILE, ServerTimings, header_line, to_line
from scenarios.slo import Slo

TAKERS = {
    "turns_of": "takes columns out of its mapping, so that ten million rows and their turns need not both be held"
}
"""Functions that use up what they are given, and why."""

ELSEWHERE = {
    "filled": "takes a function that gives arrays",
    "floats": "takes a function that gives arrays",
}
"""Functions whose annotations speak of arrays that they are not given here, and why."""

FILLED = frozenset({"notes", "self"})
"""Parameters that are there to be added to: the notes of what was found on the way; an object may keep what it made."""

FRAME_LIKE = re.compile(r"DataFrame|NDArray|Series|Categorical\b|\bColumn\b")
"""What says in an annotation that a frame or an array is taken."""

FRAMES = (pd.DataFrame, pd.Series, pd.Categorical, Fixed, np.ndarray)


def digest(value: object) -> object:
    """Give the contents of frames, arrays, lists and mappings; None for all else."""
    if isinstance(value, pd.DataFrame):
        return [(str(name), digest(value[name])) for name in value]
    if isinstance(value, pd.Series):
        return digest(value.array if isinstance(value.dtype, pd.CategoricalDtype) else value.to_numpy())
    if isinstance(value, pd.Categorical):
        return digest(value.codes), list(value.categories)
    if isinstance(value, np.ndarray | Fixed):
        value = value.steps if isinstance(value, Fixed) else value
        return value.tolist() if value.dtype.hasobject else hash(value.tobytes())
    if isinstance(value, Mapping):
        return [(str(key), digest(each)) for key, each in value.items()]
    return [digest(each) for each in value] if isinstance(value, list | tuple) else str(value)[:80] * is_plain(value)


def holds_frames(value: object) -> bool:
    """Tell a frame or an array, and a list or tuple of them."""
    return isinstance(value, FRAMES) or (isinstance(value, list | tuple) and any(map(holds_frames, value)))


def is_plain(value: object) -> bool:
    """Tell whether a value is what it says."""
    return isinstance(value, str | int | float)


class Watch:
    """Which functions were called with a frame or an array, and which changed something."""

    def __init__(self) -> None:
        self.called: set[str] = set()
        self.guilty: set[str] = set()

    def over(self, function: FunctionType) -> Callable[..., Any]:
        """Give a function that looks at its arguments before and after."""
        signature = inspect.signature(function)

        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs).arguments
            kept = {name: value for name, value in given.items() if name not in FILLED}
            before = digest(kept)
            result = function(*args, **kwargs)
            if any(holds_frames(value) for value in kept.values()):
                self.called.add(function.__name__)
            if repr(digest(kept)) != repr(before):
                self.guilty.add(function.__name__)
            return result

        return watched


def modules() -> list[ModuleType]:
    """Import every module of the analysis."""
    names = [found.name for found in pkgutil.walk_packages(analysis.__path__, "analysis.")]
    return [importlib.import_module(name) for name in names]


def watch_all(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    """Put a watch over every public function of the analysis, wherever it was imported to."""
    every = modules()
    watched: dict[FunctionType, Callable[..., Any]] = {}
    for module in every:
        for name, value in list(vars(module).items()):
            if is_own(value):
                monkeypatch.setattr(module, name, watched.setdefault(value, watch.over(value)))


def is_own(value: object) -> TypeGuard[FunctionType]:
    """Tell the public functions of the analysis; generators work only for functions that are."""
    own = isinstance(value, FunctionType) and value.__module__.startswith("analysis.")
    return own and not value.__name__.startswith("_") and not inspect.isgeneratorfunction(value)


def takers_of_frames() -> set[str]:
    """Name the public functions whose parameters are frames or arrays, by their annotations."""
    found = set()
    for module in modules():
        for value in vars(module).values():
            if is_own(value) and any(
                FRAME_LIKE.search(str(kind)) for name, kind in value.__annotations__.items() if name != "return"
            ):
                found.add(value.__name__)
    return found


def call_the_others(folder: Path) -> None:
    """Call what those commands do not get to with such small runs."""
    values, hits, codes = np.array([3.0, np.nan, 1.0, 2.0]), np.array([True, False, True, True]), np.arange(4)
    terms.of_hits(hits)
    terms.of_graded(hits, ~hits)
    terms.of_quantile(values, 2.0)
    terms.of_variance(values)
    variance.variance_ratio(values, codes, values, codes, 1)
    planning.pilot(values, values, Slo("p95(ttft_ms)", "ttft_ms", 0.95, "<=", 1.1, "ms", "ratio"))
    part = entries_of(read_run(folder))["large", ""].part
    experiment.costs(part, part.blocks.codes)


def test_no_public_function_changes_what_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports, comparisons, matrices, gates and dashboards leave every frame, array, list and mapping as it was."""
    runs = [tmp_path / "runs" / name for name in ("base", "candidate")]
    write_run(runs[0], Plan(models=TWO_ENDPOINTS.models, turns=150))
    told = [to_line("run-1", "w0", seq, ServerTimings("groq", 0.5)) for seq in range(1, 90)]
    (runs[0] / FILE).write_text("".join([header_line(), *told]), encoding="utf-8")
    write_run(runs[1], Plan(seed=2, models=(LARGE,), turns=150))
    watch = Watch()
    watch_all(monkeypatch, watch)
    make_reports(runs)
    write_graded(tmp_path / "graded", Plan(models=TWO_ENDPOINTS.models, turns=60), {"right": 0.7, "wrong": 0.3})
    make_matrix([str(tmp_path / "graded")], None, as_json=False)
    compare_runs([str(runs[0])], [str(runs[1])], ["p95(ttft_ms) <= 1.10"], None, as_json=False)
    make_matrix([str(run) for run in runs], None, as_json=False)
    gate_run(runs[1], str(runs[0]))
    make_dashboard(tmp_path / "runs")
    call_the_others(runs[0])
    assert set(TAKERS) >= watch.guilty
    assert sorted(takers_of_frames() - watch.called) == sorted(ELSEWHERE)
