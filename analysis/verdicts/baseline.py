"""Baselines: the earlier run that `latest` means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.rows.read import has_ended


@dataclass(frozen=True)
class Earlier:
    """A run that began before another of the same name, and what its report said of it ("" without a report)."""

    folder: Path
    started: datetime
    verdict: str


def latest(folder: Path) -> tuple[Path | None, str]:
    """Give the newest earlier run of the same name in the same results folder, and why it is that one.

    The newest one that passed; where none did, the newest that ended and is not known to be invalid.
    """
    meta = _json(folder / "run.json")
    name, results = str(meta.get("name") or ""), folder.resolve().parent
    found = sorted(_earlier(folder, meta), key=lambda run: (run.started, run.folder.name))
    if not found:
        return None, f"no earlier run of {name or folder.name} in {results.name}/ that ended and is not invalid"
    passed = [run for run in found if run.verdict == "pass"]
    if passed:
        return passed[-1].folder, f"the latest earlier run of {name} that passed"
    return found[-1].folder, f"the latest earlier run of {name}; none of them is known to have passed"


def _earlier(folder: Path, meta: dict[str, Any]) -> Iterator[Earlier]:
    began = _moment(meta.get("started_at"))
    for path in sorted(folder.resolve().parent.glob("*/run.json")):
        other = _json(path)
        started = _moment(other.get("started_at"))
        usable = other.get("name") == meta.get("name") and has_ended(other) and not other.get("interrupted")
        if path.parent == folder.resolve() or not usable or began is None or started is None or started >= began:
            continue
        verdict = str(_json(path.with_name("report.json")).get("verdict") or "")
        if verdict != "invalid":
            yield Earlier(path.parent, started, verdict)


def _json(path: Path) -> dict[str, Any]:
    """Read a JSON object; {} where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
