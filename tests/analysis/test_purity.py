"""Purity: no function of the analysis changes what it is given, over everything that its commands do."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic import LARGE, TWO_ENDPOINTS, Plan, write_run

import analysis
from analysis.commands.compare import compare_runs
from analysis.commands.dashboard import make_dashboard
from analysis.commands.gate import gate_run
from analysis.commands.matrix import make_matrix
from analysis.commands.report import make_reports
from scenarios.server_timings import FILE, ServerTimings, header_line, to_line

TAKERS = {
    "turns_of": "takes columns out of its mapping, so that ten million rows and their turns need not both be held"
}
"""Functions that use up what they are given, and why."""

FILLED = frozenset({"notes", "self"})
"""Parameters that are there to be added to: the notes of what was found on the way; an object may keep what it made."""

FRAMES = (pd.DataFrame, pd.Series, pd.Categorical, np.ndarray)


def digest(value: object) -> object:
    """Give the contents of frames, arrays, lists and mappings; None for all else."""
    if isinstance(value, pd.DataFrame):
        return [(str(name), digest(value[name])) for name in value]
    if isinstance(value, pd.Series):
        return digest(value.array if isinstance(value.dtype, pd.CategoricalDtype) else value.to_numpy())
    if isinstance(value, pd.Categorical):
        return digest(value.codes), list(value.categories)
    if isinstance(value, np.ndarray):
        return value.tolist() if value.dtype.hasobject else hash(value.tobytes())
    if isinstance(value, Mapping):
        return [(str(key), digest(each)) for key, each in value.items()]
    return [digest(each) for each in value] if isinstance(value, list | tuple) else str(value)[:80] * is_plain(value)


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
            if any(isinstance(value, FRAMES) for value in kept.values()):
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
            own = isinstance(value, FunctionType) and value.__module__.startswith("analysis.")
            if own and not value.__name__.startswith("_") and not inspect.isgeneratorfunction(value):
                monkeypatch.setattr(module, name, watched.setdefault(value, watch.over(value)))


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
    compare_runs([str(runs[0])], [str(runs[1])], ["p95(ttft_ms) <= 1.10"], None, as_json=False)
    make_matrix([str(run) for run in runs], None, as_json=False)
    gate_run(runs[1], str(runs[0]))
    make_dashboard(tmp_path / "runs")
    assert set(TAKERS) >= watch.guilty
    assert {
        "turns",
        "time_blocks",
        "sample",
        "share",
        "with_cost",
        "histogram",
        "settled",
        "timeline",
    } <= watch.called
