"""Fixed-point columns: decimal fractions as 32-bit whole numbers of steps, exactly, in half the room of floats.

Stamps have microseconds, so that latencies are whole numbers of them, and quotients are rounded to six decimals. A
column that does not fit stays one of floats.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray, ExtensionDtype, take

from analysis.rows.pieces import pieces

MISSING = np.iinfo(np.int32).min
SCALES = (1_000, 1_000_000)
"""Steps per unit: microseconds in a millisecond, and six decimals."""


class FixedDtype(ExtensionDtype):
    """The dtype of `Fixed`."""

    name = "fixed"
    type = float
    na_value = np.nan

    @classmethod
    def construct_array_type(cls) -> builtins.type[Fixed]:
        """Give the array's class."""
        return Fixed


class Fixed(ExtensionArray):
    """Numbers `steps / scale`; a step of `MISSING` is NaN. To be asked for floats, all or some."""

    def __init__(self, steps: NDArray[np.int32], scale: int) -> None:
        self.steps = steps
        self.scale = scale

    @classmethod
    def _from_sequence(cls, scalars: Sequence[float], *, dtype: object = None, copy: bool = False) -> Self:  # noqa: ARG003
        values = np.array(scalars, dtype=np.float64)
        found = filled(lambda rows: values[rows], len(values))
        if not isinstance(found, cls):
            raise TypeError("these numbers are no 32-bit steps")
        return found

    @property
    def dtype(self) -> FixedDtype:
        """Its dtype."""
        return FixedDtype()

    @property
    def nbytes(self) -> int:
        """Bytes of the steps."""
        return self.steps.nbytes

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, item: Any) -> Any:
        found = self.steps[pd.api.indexers.check_array_indexer(self, item)]
        if isinstance(found, np.ndarray):
            return type(self)(found, self.scale)
        return float("nan") if found == MISSING else float(found / self.scale)

    def __eq__(self, other: object) -> Any:
        return np.asarray(self) == np.asarray(other)

    __hash__ = None  # type: ignore[assignment]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001
        return self.to_numpy(dtype or np.float64)

    def to_numpy(self, dtype: Any = np.float64, copy: bool = False, na_value: object = np.nan) -> NDArray[Any]:  # noqa: ARG002, FBT001, FBT002
        """Give the numbers as floats."""
        found = self.steps / self.scale
        found[self.steps == MISSING] = np.nan
        return found.astype(dtype or np.float64, copy=False)

    def astype(self, dtype: Any, copy: bool = True) -> Any:  # noqa: ARG002, FBT001, FBT002
        """Give the numbers as floats of this dtype."""
        return self.to_numpy(dtype)

    def floor(self, numbers: NDArray[np.float64]) -> NDArray[np.int32]:
        """Give, of each number, the most steps that are not beyond it."""
        near = np.clip(np.floor(numbers * self.scale), MISSING, -MISSING)
        # The product is rounded: it may be one off.
        least = np.where(near / self.scale > numbers, near - 1, near)
        found = np.where((least + 1) / self.scale <= numbers, least + 1, least)
        return np.clip(found, MISSING, -MISSING - 1).astype(np.int32)

    def isna(self) -> NDArray[np.bool_]:
        """Mark what is missing."""
        return np.asarray(self.steps == MISSING)

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: object = None) -> Self:  # noqa: ARG002
        """Give the numbers at these places; with `allow_fill` -1 is no place."""
        found = take(self.steps, np.asarray(indices), allow_fill=allow_fill, fill_value=MISSING)
        return type(self)(np.asarray(found, dtype=np.int32), self.scale)

    def copy(self) -> Self:
        """Give a copy."""
        return type(self)(self.steps.copy(), self.scale)

    @classmethod
    def _concat_same_type(cls, to_concat: Iterable[Self]) -> Self:
        every = list(to_concat)
        if len({one.scale for one in every}) == 1:
            return cls(np.concatenate([one.steps for one in every]), every[0].scale)
        return cls._from_sequence(np.concatenate([one.to_numpy() for one in every]).tolist())


Column = NDArray[np.float64] | Fixed
"""Numbers, NaN where there is none."""


def known(values: Column) -> NDArray[np.bool_]:
    """Mark the numbers that are there."""
    return ~values.isna() if isinstance(values, Fixed) else ~np.isnan(values)


def column(series: pd.Series[Any]) -> Column:
    """Give a column of a frame as it is kept, not copied."""
    return series.array if isinstance(series.array, Fixed) else series.to_numpy(dtype=np.float64)


def same(one: Column, other: Column) -> bool:
    """Tell for sure that two columns hold the same numbers; where they are kept in different ways they may as well."""
    if isinstance(one, Fixed) and isinstance(other, Fixed):
        return one.scale == other.scale and np.array_equal(one.steps, other.steps)
    return False


def filled(made: Callable[[slice], NDArray[np.float64]], n: int) -> Column:
    """Make a column, some rows at a time: of steps where all of it is whole numbers of them, else of floats."""
    for scale in SCALES:
        steps = np.empty(n, dtype=np.int32)
        if all(_fill(steps[rows], made(rows), scale) for rows in pieces(n)):
            return Fixed(steps, scale)
    return floats(made, n)


def floats(made: Callable[[slice], NDArray[np.float64]], n: int) -> NDArray[np.float64]:
    """Make a column of floats, some rows at a time."""
    found = np.empty(n)
    for rows in pieces(n):
        found[rows] = made(rows)
    return found


def _fill(steps: NDArray[np.int32], values: NDArray[np.float64], scale: int) -> bool:
    """Write values as steps; tell whether nothing was lost."""
    with np.errstate(over="ignore"):  # what is then infinite does not fit
        wide = np.rint(values * scale)
    fits = (np.abs(wide) < -MISSING) & (wide / scale == values)
    there = ~np.isnan(values)
    if np.count_nonzero(fits) < np.count_nonzero(there):
        return False
    wide[~there] = MISSING
    steps[:] = wide
    return True
