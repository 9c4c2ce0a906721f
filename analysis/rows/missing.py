"""Rows that a worker wrote and that are not here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

TOLERATED_SHARE = 0.001
"""A torn line or two change no figure, and are noted."""


def with_missing(meta: Mapping[str, Any], attempts: pd.DataFrame) -> dict[str, Any]:
    """Give run.json with its `validity` made invalid where rows are missing: holes would read as failures."""
    reasons = list(_reasons(meta, attempts))
    if not reasons:
        return dict(meta)
    stated = meta.get("validity")
    known = stated.get("reasons") if isinstance(stated, dict) else None
    return {**meta, "validity": {"verdict": "invalid", "reasons": [*(known or []), *reasons]}}


def _reasons(meta: Mapping[str, Any], attempts: pd.DataFrame) -> Iterator[str]:
    listed = meta.get("workers")
    written = sum(_rows(worker) for worker in listed) if isinstance(listed, list) else 0
    if written - len(attempts) > TOLERATED_SHARE * written:
        yield (
            f"the workers wrote {written:,} rows, {len(attempts):,} are here: the others are missing from attempts.csv "
            "(tailgate collect makes it anew from the workers' files)"
        )


def _rows(worker: object) -> int:
    rows = worker.get("rows") if isinstance(worker, dict) else None
    return rows if isinstance(rows, int) and not isinstance(rows, bool) else 0
