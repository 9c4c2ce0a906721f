"""Rows that a worker wrote and that are not here, or cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

TOLERATED_SHARE = 0.001
"""A torn line or two, and one of each worker, change no figure, and are noted."""

BROKEN_SHARE = 0.01
"""Share of lines that cannot be read, beyond which nobody knows what the others would have shown."""


def with_missing(meta: Mapping[str, Any], attempts: pd.DataFrame, broken: int) -> dict[str, Any]:
    """Give run.json with its `validity` made invalid where rows are missing or broken: they may have been failures."""
    reasons = list(_reasons(meta, attempts))
    if broken > 2 and broken > BROKEN_SHARE * (broken + len(attempts)):
        reasons.append(f"{broken:,} of {broken + len(attempts):,} lines of attempts cannot be read")
    if not reasons:
        return dict(meta)
    stated = meta.get("validity")
    known = stated.get("reasons") if isinstance(stated, dict) else None
    return {**meta, "validity": {"verdict": "invalid", "reasons": [*(known or []), *reasons]}}


def _reasons(meta: Mapping[str, Any], attempts: pd.DataFrame) -> Iterator[str]:
    listed = meta.get("workers")
    written = sum(_rows(worker) for worker in listed) if isinstance(listed, list) else 0
    torn = len(listed) if isinstance(listed, list) else 0
    if written - len(attempts) > max(TOLERATED_SHARE * written, torn):
        yield (
            f"the workers wrote {written:,} rows, {len(attempts):,} are here: the others are missing from attempts.csv "
            "(tailgate collect makes it anew from the workers' files)"
        )


def _rows(worker: object) -> int:
    rows = worker.get("rows") if isinstance(worker, dict) else None
    return rows if isinstance(rows, int) and not isinstance(rows, bool) else 0
